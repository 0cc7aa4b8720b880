// What a model has to beat (docs: science, section 3). Fitted on the fit part only, per series and step.
//
//   B0 persistence  the next close is this close; nothing to fit, it is in the scores as MAE ratio and MAPE
//   B1 static       training quantiles of y
//   B2 EWMA         sigma_t * sqrt(h) times the training quantiles of z
//   B3 HAR          s_t = exp(b0 + b1 ln sigma_t + b . har_t), fitted to ln max(|z|, floor) by least squares,
//                   times the training quantiles of z / s_t. After Corsi, J. Financial Econometrics 7 (2009).
//                   ln sigma makes it the same whether HAR terms are stated relative to sigma or not
//   B4 reversal     up after a fall, down after a rise (direction only)
//
// All quantiles are type 7 (quantiles.h). s_t stays inside the range it had on the fit part.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "mop/base/result.h"
#include "mop/evaluate/forecasts.h"
#include "mop/train/baselines.h"

namespace mop::evaluate {

using train::Baselines;
using train::LogLinear;

/// |z| below this counts as this in the HAR regression: a candle that closes where it opened says little
/// about volatility, but its logarithm would weigh most.
inline constexpr double kHarFloor = 0.05;

/// Fewest rows with a known target, per step, that baselines are fitted on.
inline constexpr std::size_t kFewestFitRows = 100;

/// Errors: kInvalidArgument when the outcomes are malformed, or when a step has fewer than
/// max(kFewestFitRows, 10 * (K + 2)) known targets.
Result<Baselines> fit_baselines(const Outcomes& fit, std::span<const double> levels);

/// The baselines' forecasts for other candles of the same series.
struct BaselineForecasts {
  Forecasts fixed, ewma, har;  // B1 "static", B2 "ewma", B3 "har" (with log_range when that was fitted)
  std::vector<double> reversal_p_up;  // (N) or empty. B4: 1 after a fall, 0 after a rise, 0.5 after no move
  double spike_threshold = 0.0;       // of the fit part
};

/// Errors: kInvalidArgument when horizon or number of HAR terms differ from the fit.
Result<BaselineForecasts> forecast_baselines(const Baselines& baselines, const Outcomes& outcomes);

}  // namespace mop::evaluate
