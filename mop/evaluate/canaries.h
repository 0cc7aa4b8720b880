// Checks that would catch a leak (docs: science, section 6). Each runs on the model as it is stored and used.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/evaluate/report_data.h"
#include "mop/train/model.h"

namespace mop::evaluate {

/// What a model is checked on.
struct CanaryCandles {
  std::span<const market::CandleSeries> series;  // as train::intervals_of(model.kind)
  std::span<const market::CandleSeries> coins;   // what its market inputs are made of; empty: it has none
};

/// A forecast made some candles before the end, from the kFutureHistory newest ones, is made again with every
/// later candle cut off, and once more with every later candle multiplied by 3: not one bit may differ.
/// Figure: largest difference in units of sigma.
inline constexpr std::size_t kFutureHistory = 3000;  // of the slowest timeframe
Result<Canary> future_invariance(const train::TrainedModel& model, const CanaryCandles& candles);

/// The stored scaler must be the one fitted on the fit part, and a scaler fitted on all candles given (which
/// include the scored ones) must differ: then scored candles cannot have leaked into it. Figure: largest
/// difference of a mean, in units of its sd.
Result<Canary> fit_only_statistics(const train::TrainedModel& model, const CanaryCandles& candles);

/// All of the above.
Result<std::vector<Canary>> canaries_of(const train::TrainedModel& model, const CanaryCandles& candles);

/// One line per canary name over all models: passed when all passed, the worst figure.
std::vector<Canary> summarise(std::span<const Canary> canaries);

}  // namespace mop::evaluate
