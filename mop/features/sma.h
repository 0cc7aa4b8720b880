#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
#include "mop/features/window.h"

namespace mop::features {

/// Simple moving average, in the unit of its input.
///
///   sma_t = (x_t + x_{t-1} + ... + x_{t-n+1}) / n
///
/// Source: TA-Lib SMA.
class Sma {
 public:
  static constexpr Stability kStability = Stability::kEpsilon;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Sma> make(std::size_t period);

  /// Feeds one finite value. Empty until `warmup()` values were seen.
  std::optional<double> push(double value) {
    sum_.push(value);
    if (!sum_.full()) return std::nullopt;
    return sum_.mean();
  }

  std::size_t warmup() const { return sum_.size(); }

 private:
  explicit Sma(std::size_t period) : sum_(period) {}
  RollingSum sum_;
};

}  // namespace mop::features
