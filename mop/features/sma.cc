#include "mop/features/sma.h"

#include "mop/features/period.h"

namespace mop::features {

Result<Sma> Sma::make(std::size_t period) {
  MOP_TRY(check_period("SMA period", period, 1));
  return Sma(period);
}

}  // namespace mop::features
