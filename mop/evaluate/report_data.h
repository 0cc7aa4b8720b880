// Everything the evaluate reports show; the JSON, the table and the HTML page are made from this alone.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mop/evaluate/forecasts.h"
#include "mop/evaluate/scores.h"
#include "mop/train/model.h"

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

using train::Canary;

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

/// The pools of one fold or of one seed.
struct PartScores {
  UnixMillis from = 0, until = 0;    // candles that end in [from, until)
  std::uint64_t seed = 0;            // of the networks
  std::vector<SeriesScores> pooled;  // one per interval
  std::vector<SeriesScores> series;
};

struct ReportData {
  Protocol protocol;
  std::vector<SeriesScores> series;
  std::vector<SeriesScores> pooled;  // one per interval
  std::vector<PartScores> folds;     // of the first seed; empty with a split
  std::vector<PartScores> seeds;     // over all folds; empty when there is one
  std::vector<Canary> canaries;
  std::vector<FanSample> samples;
  double wall_s = 0;
};

/// Mean and standard deviation over the seeds of what pools show, a line per interval:
/// "1h over 5 seeds: skill vs EWMA 2.21 +- 0.04 %, ...". None for fewer than two seeds.
std::vector<std::string> seed_lines(const std::vector<PartScores>& seeds);

/// The newest `candles` closes of a series with a fan from every `2 * H`-th candle and from the last one.
/// Fewer candles when there are fewer or a hole cuts the run short. REQUIRES: validate(forecasts, outcomes).
FanSample sample_fans(const Outcomes& outcomes, const Forecasts& forecasts, std::string kind,
                      std::size_t candles = 60);

}  // namespace mop::evaluate
