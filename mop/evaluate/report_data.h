// Everything the evaluate reports show; the JSON, the table and the HTML page are made from this alone.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mop/evaluate/forecasts.h"
#include "mop/evaluate/scores.h"

namespace mop::evaluate {

struct Protocol {
  std::string mode;                            // "split" or "walk-forward"
  UnixMillis fit_from = 0, fit_until = 0;      // span of the fit part (of the last fold)
  UnixMillis score_from = 0, score_until = 0;  // span of the scored part
  std::size_t folds = 1;
  std::size_t purge_candles = 0, embargo_candles = 0;
  std::size_t horizon = 0;
  std::vector<double> levels;
  std::uint64_t seed = 0;
  std::string profile;                                     // "default", "v1"
  std::string command;                                     // what was typed
  std::string version;                                     // of the program
  std::vector<std::pair<std::string, std::string>> notes;  // further lines, name and text
};

struct Canary {
  std::string name;
  bool passed = false;
  double figure = kUnknown;
  std::string meaning;      // what was asked of it, e.g. "skill on shuffled targets below 0.5 %"
  double limit = kUnknown;  // what the figure is held to; `meaning` says from which side
};

/// A forecast drawn over what happened: the quantiles of all H steps as prices, seen from one candle.
struct Fan {
  UnixMillis as_of = 0;        // close time of the candle it was made at
  double close = 0;            // C[t]
  std::vector<double> prices;  // (H,L) quote currency
};

struct FanSample {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  std::string kind;
  std::vector<UnixMillis> close_time;  // the actual candles, ascending
  std::vector<double> close;
  std::vector<double> levels;
  std::vector<Fan> fans;  // ascending in as_of
};

struct ReportData {
  Protocol protocol;
  std::vector<SeriesScores> series;
  std::vector<SeriesScores> pooled;  // one per interval
  std::vector<Canary> canaries;
  std::vector<FanSample> samples;
  double wall_s = 0;
};

/// The newest `candles` closes of a series with a fan from every `2 * H`-th candle and from the last one.
/// Fewer candles when there are fewer or a hole cuts the run short. REQUIRES: validate(forecasts, outcomes).
FanSample sample_fans(const Outcomes& outcomes, const Forecasts& forecasts, std::string kind,
                      std::size_t candles = 60);

}  // namespace mop::evaluate
