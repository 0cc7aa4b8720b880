// Checks that would catch a leak (docs: science, section 6). Each runs on the model as it is stored and used.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/evaluate/report_data.h"
#include "mop/train/forecaster.h"
#include "mop/train/model.h"

namespace mop::evaluate {

/// What a model is checked on.
struct CanaryCandles {
  std::span<const market::CandleSeries> series;  // as train::intervals_of(model.kind)
  std::span<const market::CandleSeries> coins;   // what its market inputs are made of; empty: it has none
};

/// How candles become inputs and forecasts. The program has one way, train::Forecaster::make; tests plant
/// their leaks in another.
using Reader = std::function<Result<train::Forecaster>(const train::TrainedModel&, const CanaryCandles&)>;
Result<train::Forecaster> read_candles(const train::TrainedModel& model, const CanaryCandles& candles);

/// Candles of the slowest timeframe, the newest ones, that the next and batch_equals_stream() look at.
inline constexpr std::size_t kRecentCandles = 3000;

/// A forecast made some candles before the end is made again with every later candle cut off, and once more
/// with every later candle multiplied by 3: not one bit may differ. Figure: largest difference in units of
/// sigma. Errors: the reader's.
Result<Canary> future_invariance(const train::TrainedModel& model, const CanaryCandles& candles,
                                 const Reader& read = read_candles);

/// The stored scaler must be the one fitted on the fit part, and a scaler fitted on all candles given (which
/// include the scored ones) must differ: then scored candles cannot have leaked into it. Figure: largest
/// difference of a mean, in units of its sd.
Result<Canary> fit_only_statistics(const train::TrainedModel& model, const CanaryCandles& candles);

/// The live path gives the model's inputs bit for bit: every recent candle is pushed, one at a time, through
/// the streaming features and the streaming market, and each usable row is compared with the one that
/// forecasts are made of. Figure: numbers that differ (inputs, and sigmas). Errors: the reader's.
Result<Canary> batch_equals_stream(const train::TrainedModel& model, const CanaryCandles& candles,
                                   const Reader& read = read_candles);

/// All of the above.
Result<std::vector<Canary>> canaries_of(const train::TrainedModel& model, const CanaryCandles& candles);

/// One line per canary name over all models: passed when all passed, the worst figure.
std::vector<Canary> summarise(std::span<const Canary> canaries);

}  // namespace mop::evaluate
