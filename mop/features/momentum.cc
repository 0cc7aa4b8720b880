#include "mop/features/momentum.h"

#include "mop/features/period.h"

namespace mop::features {

Result<Momentum> Momentum::make(std::size_t period) {
  MOP_TRY(check_period("momentum period", period, 1));
  return Momentum(period);
}

}  // namespace mop::features
