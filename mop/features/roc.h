#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
#include "mop/features/window.h"

namespace mop::features {

/// Rate of change, in percent.
///
///   roc_t = 100 * (C_t / C_{t-n} - 1)
///
/// Source: TA-Lib ROC. A close n back of zero (no valid candle has one) gives 0, as in TA-Lib.
class Roc {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Roc> make(std::size_t period);

  /// Feeds the close of one finished candle. Empty until `warmup()` closes were seen.
  std::optional<double> push(double close);

  std::size_t warmup() const { return past_.size() + 1; }

 private:
  explicit Roc(std::size_t period) : past_(period) {}
  Window past_;  // closes before this one
};

}  // namespace mop::features
