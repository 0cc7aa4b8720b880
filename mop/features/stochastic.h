#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
#include "mop/features/window.h"

namespace mop::features {

/// In percent (0..100).
struct StochasticValue {
  double k, d;
};

/// Slow stochastic oscillator: where the close lies within the range of the last n candles.
///
///   fast_t = 100 * (C_t - min L) / (max H - min L) over n candles,   k = SMA(fast, smooth),   d = SMA(k,
///   d_period)
///
/// Source: Lane, Lane's Stochastics (Technical Analysis of Stocks & Commodities, 1984); TA-Lib STOCH with
/// simple averages. A range of zero counts as `flat_value`, 0 as in TA-Lib unless another is asked for.
class Stochastic {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// Periods in candles, 1..1000; anything else is kInvalidArgument. `flat_value` in percent.
  static Result<Stochastic> make(std::size_t period, std::size_t smooth, std::size_t d_period,
                                 double flat_value = 0.0);

  /// Feeds one finished candle. Empty until `warmup()` candles were seen.
  std::optional<StochasticValue> push(double high, double low, double close);

  std::size_t warmup() const { return high_.size() + fast_.size() + slow_.size() - 2; }

 private:
  Stochastic(std::size_t period, std::size_t smooth, std::size_t d_period, double flat_value)
      : high_(period), low_(period), fast_(smooth), slow_(d_period), flat_value_(flat_value) {}
  Window high_, low_, fast_, slow_;
  double flat_value_;
};

}  // namespace mop::features
