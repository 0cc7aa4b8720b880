// Scores of one series or of a pool of them (docs: science, section 4; field names: cli, "evaluate").
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/evaluate/baselines.h"
#include "mop/evaluate/forecasts.h"
#include "mop/evaluate/statistics.h"

namespace mop::evaluate {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();  // printed "-", null in JSON
inline constexpr std::size_t kPitBins = 20;
inline constexpr std::size_t kDeciles = 10;
inline constexpr std::size_t kHours = 24;

/// Share of outcomes inside the central interval, 0..1; unknown when its levels are not forecast.
struct Coverage {
  double c50 = kUnknown, c80 = kUnknown, c90 = kUnknown, c95 = kUnknown;
  double c90_top_vol_decile = kUnknown;  // 90 % interval, candles in the series' top tenth of sigma
};

constexpr std::array<double, kDeciles> unknown_deciles() {
  std::array<double, kDeciles> deciles{};
  deciles.fill(kUnknown);
  return deciles;
}

/// One step ahead of H. Losses are mean pinball losses of z.
struct StepScores {
  std::size_t step = 0;  // 1..H
  std::size_t n = 0;
  double pinball = kUnknown, pinball_static = kUnknown, pinball_ewma = kUnknown, pinball_har = kUnknown;
  double skill_vs_ewma_pct = kUnknown, skill_vs_har_pct = kUnknown;
  double coverage90 = kUnknown, mae_ratio = kUnknown;
  double coverage90_top_vol_decile = kUnknown;  // candles in the series' top tenth of sigma
};

struct CalibrationPoint {
  double level;     // stated probability of z <= quantile
  double observed;  // share of outcomes at or below it
};

struct HourScores {
  std::size_t n = 0;  // scored candles that open in this hour, UTC
  double pinball = kUnknown, pinball_ewma = kUnknown, pinball_har = kUnknown;
};

/// Forecasts made in one week after the model last learnt. Losses are mean pinball losses of z.
struct AgeScores {
  std::size_t week = 0;  // 0 is the first week
  std::size_t n = 0;
  double pinball = kUnknown, pinball_ewma = kUnknown, pinball_har = kUnknown;
};

/// All figures are one step ahead unless said. Accuracies, coverages and p are 0..1, `_pct` is percent.
struct SeriesScores {
  std::string symbol;  // "pooled" for a pool
  market::Interval interval = market::Interval::k1h;
  std::string kind;      // "15m", "1h", "unified": the model family that was scored; set by the caller
  std::string champion;  // best forecast on the validation block; score_series() puts the scored one's name
  std::size_t n = 0;     // scored candles
  std::size_t n_unknown = 0;  // candles left out because the next one is not there
  std::size_t horizon = 0;
  double mape_pct = kUnknown;              // median forecast in price against the actual close
  double mape_persistence_pct = kUnknown;  // of "the next close is this close"
  double mape_tick_floor_pct =
      kUnknown;  // 100 * mean(tick / close): the MAPE of being one tick off each time
  // 100 * mean |error| of one who knows every direction and always says the series' mean move, in hindsight
  double mape_direction_oracle_pct = kUnknown;
  double mae_ratio = kUnknown;           // mean |y - median| over mean |y|; below 1 beats persistence
  double rmse = kUnknown;                // price, quote currency; unknown in a pool of several coins
  double rmse_z = kUnknown;              // of z about its forecast median
  double direction_accuracy = kUnknown;  // P(up) > 0.5 says up, else down; moves of more than 2 ticks only
  std::size_t direction_n = 0;           // such moves
  Bounds direction_ci95{kUnknown, kUnknown};  // Wilson; for a pool bootstrap over days
  double direction_reversal = kUnknown;       // B4 on the same moves (those after a move)
  double pinball = kUnknown, pinball_static = kUnknown, pinball_ewma = kUnknown, pinball_har = kUnknown;
  double skill_vs_static_pct = kUnknown;  // 100 * (1 - pinball / theirs)
  double skill_vs_ewma_pct = kUnknown, skill_vs_har_pct = kUnknown;
  Bounds skill_vs_ewma_ci95{kUnknown, kUnknown},
      skill_vs_har_ci95{kUnknown, kUnknown};  // pools only, bootstrap
  Coverage coverage;
  double dm_p_vs_ewma = kUnknown, dm_p_vs_har = kUnknown;  // Diebold-Mariano, lag H, two-sided
  double log_range_r2 = kUnknown;  // of ln(ln(high / low)) about each series' own mean; ranges of 0 left out
  double log_range_r2_har = kUnknown;  // the HAR regression's, for comparison
  double spike_auc = kUnknown;         // next range above its 90th percentile on the fit part
  double rank_ic = kUnknown;           // pools only: mean over instants of the rank correlation across coins
  Bounds rank_ic_ci95{kUnknown, kUnknown};    // bootstrap over days
  std::vector<StepScores> steps;              // (H)
  std::vector<CalibrationPoint> calibration;  // (L)
  std::array<std::size_t, kPitBins> pit{};    // counts of cdf_at(z) in equal bins; flat when calibrated
  std::array<double, kDeciles> coverage90_by_vol_decile =
      unknown_deciles();  // unknown where a decile is empty
  std::array<HourScores, kHours> hours{};
  std::vector<AgeScores> ages;  // ascending; weeks without a scored candle are left out
};

/// What one scored candle contributes; pools are made of these.
struct RowScore {
  UnixMillis close_time = 0;
  double close = 0, tick_size = 0;
  double y = 0, z = 0, median_y = 0, median_z = 0;
  double pinball = 0, pinball_static = 0, pinball_ewma = 0, pinball_har = 0;
  double pit = 0;                       // cdf_at(z)
  std::uint16_t first_at_or_above = 0;  // index of the first quantile >= z, L when there is none
  std::uint16_t first_above = 0;        // index of the first quantile > z
  std::int32_t week = -1;               // since the forecaster last learnt; -1 unknown
  std::uint8_t vol_decile = 0;          // 0..9 of sigma within the series' scored candles
  std::int8_t direction = -1;           // 1 right, 0 wrong, -1 not a move of more than 2 ticks
  std::int8_t reversal = -1;            // the same for B4; -1 too when there was no last move
  std::int8_t spike = -1;               // 1 next range above the threshold, 0 not, -1 unknown
  double spike_score = kUnknown;        // ln of the forecast range over the threshold
  double range_error = kUnknown, range_error_har = kUnknown, range_deviation = kUnknown;  // on the ln scale
};

/// Sums over one step's candles.
struct StepSums {
  std::size_t n = 0, covered90 = 0;
  std::size_t top_n = 0, covered90_top = 0;  // in the top tenth of sigma
  double pinball = 0, pinball_static = 0, pinball_ewma = 0, pinball_har = 0, abs_error = 0, abs_y = 0;
};

struct ScoredSeries {
  SeriesScores scores;
  std::vector<double> levels;   // (L)
  std::vector<RowScore> rows;   // ascending in time
  std::vector<StepSums> steps;  // (H)
};

/// Scores forecasts against what happened and against the baselines on the same candles. Candles are sorted
/// by time first, so the order they come in changes nothing. `kind` is copied into the scores.
/// Errors: kInvalidArgument when shapes do not fit, numbers are not finite, or no candle has a known target.
Result<ScoredSeries> score_series(const Outcomes& outcomes, const Forecasts& forecasts,
                                  const BaselineForecasts& baselines, std::string kind);

}  // namespace mop::evaluate
