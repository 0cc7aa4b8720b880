#include "mop/features/ema.h"

#include "mop/features/period.h"

namespace mop::features {

Result<Ema> Ema::make(std::size_t period) {
  MOP_TRY(check_period("EMA period", period, 1));
  return Ema(period);
}

std::optional<double> Ema::push(double value) {
  if (seen_ < period_) {
    mean_ += value;
    if (++seen_ < period_) return std::nullopt;
    mean_ /= static_cast<double>(period_);
  } else {
    mean_ += (value - mean_) * alpha_;
  }
  return mean_;
}

}  // namespace mop::features
