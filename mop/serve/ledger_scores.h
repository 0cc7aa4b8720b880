// What became of the ledger's forecasts: pinball losses beside the baselines', intervals, direction, range.
// Derived from rows and candles alone, so never part of the chain.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/evaluate/scores.h"
#include "mop/serve/ledger_rows.h"

namespace mop::serve {

/// A closed candle as far as scores need it; quote currency.
struct ClosedCandle {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  UnixMillis close_time = 0;
  double close = 0.0, high = 0.0, low = 0.0;
};

/// Shares of the central intervals a score tells about.
inline constexpr std::array<double, 4> kCentralShares{0.5, 0.8, 0.9, 0.95};

/// What came of one step of one forecast. Losses are pinball losses of z, averaged over the levels: units of
/// sigma.
struct StepScore {
  std::int64_t seq = 0;                       // of the forecast in the ledger
  std::int64_t step = 0;                      // 1..H candles ahead
  double close = 0.0, high = 0.0, low = 0.0;  // of the candle that came
  double z = 0.0;                             // ln(close / forecast's close) / (sigma * sqrt(step))
  double pinball = 0.0, pinball_static = 0.0, pinball_ewma = 0.0, pinball_har = 0.0;
  std::array<std::int8_t, 4> inside{-1, -1, -1,
                                    -1};  // of kCentralShares, bounds included; -1 when not forecast
  std::int8_t direction = -1;  // P(up) > 0.5 said up: 1 right, 0 wrong, -1 a move of 2 ticks or less
  double log_range_error =
      evaluate::kUnknown;                 // ln of the range that came over the forecast one; first step only
  double abs_error = evaluate::kUnknown;  // |ln(close / median)|; without a median unknown
  double abs_move = evaluate::kUnknown;   // |ln(close / forecast's close)|, persistence's error (B0)
};

/// The three baselines' quantiles (L) of z at one step of one forecast.
struct BaselineQuantiles {
  std::vector<double> fixed, ewma, har;
};
/// REQUIRES: validated rows that belong together, 1 <= step <= H.
BaselineQuantiles baseline_quantiles(const ForecastRow& row, const ModelRow& model, std::size_t step);

/// REQUIRES: as above, and a candle with prices > 0.
StepScore score_step(std::int64_t seq, const ForecastRow& row, const ModelRow& model, std::size_t step,
                     const ClosedCandle& candle);

/// Whether a score and a stored one of the same step tell the same (1e-9 relative: another build may round
/// differently; an older program stored no abs_error and abs_move).
bool same_score(const StepScore& a, const StepScore& b);

/// A forecast with its score one step ahead.
struct ScoredForecast {
  UnixMillis as_of = 0;
  std::string champion;
  std::size_t horizon = 0;
  StepScore score;
};

/// Scores one step ahead, of one series or of a pool. NaN is unknown; accuracies, coverages and p are 0..1.
struct LiveScores {
  std::string symbol;  // "pooled" for a pool
  market::Interval interval = market::Interval::k1h;
  std::string champion;  // "mixed" when they were several, "" when there is no forecast
  std::size_t n = 0;     // scored forecasts
  UnixMillis first_as_of = 0, last_as_of = 0;
  double pinball = evaluate::kUnknown, pinball_static = evaluate::kUnknown;
  double pinball_ewma = evaluate::kUnknown, pinball_har = evaluate::kUnknown;
  double skill_vs_static_pct = evaluate::kUnknown;
  double skill_vs_ewma_pct = evaluate::kUnknown, skill_vs_har_pct = evaluate::kUnknown;
  double mae_ratio = evaluate::kUnknown;  // mean abs_error over mean abs_move; below 1 beats persistence (B0)
  evaluate::Coverage coverage;            // without the top decile of volatility
  double direction_accuracy = evaluate::kUnknown;
  std::size_t direction_n = 0;  // moves of more than 2 ticks
  evaluate::Bounds direction_ci95{evaluate::kUnknown,
                                  evaluate::kUnknown};  // Wilson; a pool's: bootstrap over days
  double dm_p_vs_har =
      evaluate::kUnknown;  // Diebold-Mariano, lag H, two-sided, over the newest kDemotionWindow
};

/// Forecasts that a Diebold-Mariano test looks back on (docs: science, section 8).
inline constexpr std::size_t kDemotionWindow = 500;
inline constexpr double kDemotionP = 0.05;

/// Scores of each series' forecasts together, every forecast with the same weight; one series is no pool.
/// Each series ascends in time. A pool's intervals come from 2000 draws of whole UTC days (unknown below 10
/// days), its Diebold-Mariano p from the loss difference averaged over the coins at each close.
LiveScores summarise(std::span<const std::vector<ScoredForecast>> series, std::string symbol,
                     market::Interval interval);

/// Why the forecasts' champion must step down, as a sentence: its mean loss over the last kDemotionWindow is
/// above B3's, with p < kDemotionP. None when it need not, or with fewer forecasts.
std::optional<std::string> demotion_of(std::span<const ScoredForecast> forecasts, std::string_view champion);

}  // namespace mop::serve
