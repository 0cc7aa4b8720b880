#include "mop/features/stochastic.h"

#include <algorithm>

#include "mop/features/period.h"

namespace mop::features {
Result<Stochastic> Stochastic::make(std::size_t period, std::size_t smooth, std::size_t d_period,
                                    double flat_value) {
  MOP_TRY(check_period("stochastic period", period, 1));
  MOP_TRY(check_period("stochastic %K smoothing", smooth, 1));
  MOP_TRY(check_period("stochastic %D period", d_period, 1));
  return Stochastic(period, smooth, d_period, flat_value);
}

}  // namespace mop::features
