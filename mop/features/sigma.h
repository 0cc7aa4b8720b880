// The causal volatility estimate sigma_t: unit of the targets and of most model inputs.
#pragma once
#include <cstddef>
#include <optional>
#include <vector>

#include "mop/base/result.h"
#include "mop/features/ema.h"
#include "mop/market/candle_series.h"

namespace mop::features {

/// Smallest sigma returned, 0.001 % per candle: constant prices must not divide by zero. Real coins stay far
/// above it (BTCUSDT's quietest day at 15m is near 0.02 %).
inline constexpr double kMinSigma = 1e-5;

/// Exponentially weighted volatility of log close returns, per candle, dimensionless.
///
///   s_t = s_{t-1} + (r_t^2 - s_{t-1}) * 2 / (span + 1),  r_t = ln(C_t / C_{t-1}),  sigma_t = max(sqrt(s_t),
///   kMinSigma)
///
/// s starts as the plain mean of the first `span` squared returns. Source: J.P. Morgan/Reuters, RiskMetrics
/// Technical Document (1996), section 5.2 (zero-mean EWMA); seed as TA-Lib seeds its EMA.
class EwmaVolatility {
 public:
  /// `span` is in candles, 2..1000; anything else is kInvalidArgument.
  static Result<EwmaVolatility> make(std::size_t span);

  /// Feeds the close of one finished candle (> 0). Empty until `warmup()` closes were seen.
  std::optional<double> push(double close);

  /// Candles are missing: the next close is not compared with the last one, and volatility goes on as it was.
  void skip_hole() { last_close_.reset(); }

  std::size_t warmup() const { return variance_.warmup() + 1; }  // span returns need span + 1 closes

 private:
  explicit EwmaVolatility(Ema variance) : variance_(variance) {}
  Ema variance_;
  std::optional<double> last_close_, last_variance_;
};

/// sigma_t of every candle with a span of one day (96 or 24 candles): NaN for the first candles_per_day rows.
/// REQUIRES: no hole in `run`.
std::vector<double> compute_sigma(const market::CandleSeries& run);

}  // namespace mop::features
