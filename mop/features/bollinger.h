#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
#include "mop/features/window.h"

namespace mop::features {

/// Prices in quote currency; percent_b is a fraction (0 at the lower band, 1 at the upper one).
struct BollingerValue {
  double upper, middle, lower;
  double width;      // upper - lower
  double percent_b;  // (C - lower) / (upper - lower)
};

/// Bollinger Bands: a moving average with bands k population standard deviations above and below.
///
///   middle = SMA(C, n),   upper, lower = middle +- k * sqrt(mean((C - middle)^2))
///
/// Source: Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib BBANDS with a simple average. A window of
/// equal closes has width 0 and, the close lying on the middle, percent_b 0.5. Differs from TA-Lib in one
/// case: TA-Lib calls a variance below 1e-14 zero, an absolute amount that coins priced at 1e-5 fall below
/// while they move; and it takes the variance as mean(C^2) - mean(C)^2, which loses digits on narrow bands.
/// Here the deviations are taken from the newest close and summed anew for each candle.
class Bollinger {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 2..1000, `deviations` > 0; anything else is kInvalidArgument.
  static Result<Bollinger> make(std::size_t period, double deviations);

  /// Feeds the close of one finished candle. Empty until `warmup()` closes were seen.
  std::optional<BollingerValue> push(double close);

  std::size_t warmup() const { return closes_.size(); }

 private:
  Bollinger(std::size_t period, double deviations) : closes_(period), deviations_(deviations) {}
  Window closes_;
  double deviations_;
};

}  // namespace mop::features
