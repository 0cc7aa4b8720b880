#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"

namespace mop::features {

/// Exponential moving average, in the unit of its input.
///
///   ema_t = ema_{t-1} + (x_t - ema_{t-1}) * 2 / (n + 1),   first value: the plain mean of the first n values
///
/// Source: TA-Lib EMA (classic seed).
class Ema {
 public:
  static constexpr Stability kStability = Stability::kConverging;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Ema> make(std::size_t period);

  /// Feeds one finite value. Empty until `warmup()` values were seen.
  std::optional<double> push(double value);

  std::size_t warmup() const { return period_; }

 private:
  explicit Ema(std::size_t period) : period_(period), alpha_(2.0 / static_cast<double>(period + 1)) {}
  std::size_t period_;
  double alpha_;
  std::size_t seen_ = 0;
  double mean_ = 0.0;  // the sum while seeding
};

}  // namespace mop::features
