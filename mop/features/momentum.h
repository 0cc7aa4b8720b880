#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
#include "mop/features/window.h"

namespace mop::features {

/// Momentum, in quote currency.
///
///   momentum_t = C_t - C_{t-n}
///
/// Source: TA-Lib MOM.
class Momentum {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Momentum> make(std::size_t period);

  /// Feeds the close of one finished candle. Empty until `warmup()` closes were seen.
  std::optional<double> push(double close);

  std::size_t warmup() const { return past_.size() + 1; }

 private:
  explicit Momentum(std::size_t period) : past_(period) {}
  Window past_;  // closes before this one
};

}  // namespace mop::features
