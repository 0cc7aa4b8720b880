#include "mop/features/sigma.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mop/features/candle_rows.h"
#include "mop/features/period.h"

namespace mop::features {

Result<EwmaVolatility> EwmaVolatility::make(std::size_t span) {
  MOP_TRY(check_period("EWMA volatility span", span, 2));
  MOP_TRY_ASSIGN(const Ema variance, Ema::make(span));
  return EwmaVolatility(variance);
}

std::optional<double> EwmaVolatility::push(double close) {
  const std::optional<double> last = std::exchange(last_close_, close);
  if (last) {
    const double log_return = std::log(close / *last);
    last_variance_ = variance_.push(log_return * log_return);
  }
  if (!last_variance_) return std::nullopt;
  return std::max(std::sqrt(*last_variance_), kMinSigma);
}

std::vector<double> compute_sigma(const market::CandleSeries& run) {
  check_is_run(run);
  EwmaVolatility volatility = EwmaVolatility::make(market::candles_per_day(run.interval)).value();
  std::vector<double> sigma(run.size());
  for (std::size_t t = 0; t < run.size(); ++t) {
    sigma[t] = volatility.push(run.close[t]).value_or(std::numeric_limits<double>::quiet_NaN());
  }
  return sigma;
}

}  // namespace mop::features
