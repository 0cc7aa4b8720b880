#include "mop/features/ema.h"

#include "mop/features/period.h"

namespace mop::features {

Result<Ema> Ema::make(std::size_t period) {
  MOP_TRY(check_period("EMA period", period, 1));
  return Ema(period);
}

}  // namespace mop::features
