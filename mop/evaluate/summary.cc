#include "mop/evaluate/summary.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "mop/evaluate/quantiles.h"

namespace mop::evaluate {
namespace {

double ratio(double sum, double count) {
  return count > 0.0 ? sum / count : kUnknown;
}
double as_double(std::size_t count) {
  return static_cast<double>(count);
}

// Whether z lies between the quantiles at two levels, bounds included.
class CentralInterval {
 public:
  CentralInterval(std::span<const double> levels, double share) {
    const auto lo = level_index(levels, 0.5 - share / 2.0), hi = level_index(levels, 0.5 + share / 2.0);
    known_ = lo && hi;
    if (known_) lo_ = *lo, hi_ = *hi;
  }
  void add(const RowScore& row) {
    ++n_;
    if (lo_ < row.first_above && hi_ >= row.first_at_or_above) ++inside_;
  }
  double share() const { return known_ ? ratio(as_double(inside_), as_double(n_)) : kUnknown; }

 private:
  bool known_ = false;
  std::size_t lo_ = 0, hi_ = 0, n_ = 0, inside_ = 0;
};

template <typename Visit>
void for_each_row(std::span<const ScoredSeries* const> series, const Visit& visit) {
  for (const ScoredSeries* s : series) {
    for (const RowScore& row : s->rows)
      visit(row);
  }
}

// Persistence errs by every move; this forecaster only by how much a move differs from the mean one.
double direction_oracle_mape(std::span<const ScoredSeries* const> series, double n) {
  double sum = 0;
  for (const ScoredSeries* s : series) {
    double mean_move = 0;
    for (const RowScore& r : s->rows)
      mean_move += std::abs(r.y) / as_double(s->rows.size());
    for (const RowScore& r : s->rows)
      sum += std::abs(std::expm1(std::copysign(mean_move, r.y) - r.y));
  }
  return 100.0 * ratio(sum, n);
}

void summarise_errors(std::span<const ScoredSeries* const> series, SeriesScores& out) {
  double mape = 0, persistence = 0, tick = 0, abs_error = 0, abs_y = 0, square_price = 0, square_z = 0;
  for_each_row(series, [&](const RowScore& r) {
    mape += std::abs(std::expm1(r.median_y - r.y));
    persistence += std::abs(std::expm1(-r.y));
    tick += r.tick_size / r.close;
    abs_error += std::abs(r.y - r.median_y);
    abs_y += std::abs(r.y);
    const double price_error = r.close * (std::exp(r.median_y) - std::exp(r.y));
    square_price += price_error * price_error;
    square_z += (r.z - r.median_z) * (r.z - r.median_z);
  });
  const double n = as_double(out.n);
  out.mape_pct = 100.0 * ratio(mape, n);
  out.mape_persistence_pct = 100.0 * ratio(persistence, n);
  out.mape_tick_floor_pct = 100.0 * ratio(tick, n);
  out.mape_direction_oracle_pct = direction_oracle_mape(series, n);
  out.mae_ratio = ratio(abs_error, abs_y);
  out.rmse = series.size() == 1 ? std::sqrt(ratio(square_price, n)) : kUnknown;
  out.rmse_z = std::sqrt(ratio(square_z, n));
}

void summarise_losses(std::span<const ScoredSeries* const> series, SeriesScores& out) {
  double model = 0, fixed = 0, ewma = 0, har = 0;
  for_each_row(series, [&](const RowScore& r) {
    model += r.pinball;
    fixed += r.pinball_static;
    ewma += r.pinball_ewma;
    har += r.pinball_har;
  });
  const double n = as_double(out.n);
  out.pinball = ratio(model, n);
  out.pinball_static = ratio(fixed, n);
  out.pinball_ewma = ratio(ewma, n);
  out.pinball_har = ratio(har, n);
  out.skill_vs_static_pct = skill_pct(model, fixed);
  out.skill_vs_ewma_pct = skill_pct(model, ewma);
  out.skill_vs_har_pct = skill_pct(model, har);
}

void summarise_direction(std::span<const ScoredSeries* const> series, SeriesScores& out) {
  std::size_t right = 0, reversal_n = 0, reversal_right = 0;
  for_each_row(series, [&](const RowScore& r) {
    if (r.direction >= 0) ++out.direction_n;
    if (r.direction == 1) ++right;
    if (r.reversal >= 0) ++reversal_n;
    if (r.reversal == 1) ++reversal_right;
  });
  out.direction_accuracy = ratio(as_double(right), as_double(out.direction_n));
  out.direction_reversal = ratio(as_double(reversal_right), as_double(reversal_n));
}

void summarise_calibration(std::span<const ScoredSeries* const> series, SeriesScores& out) {
  const auto& levels = series[0]->levels;
  CentralInterval c50(levels, 0.5), c80(levels, 0.8), c90(levels, 0.9), c95(levels, 0.95);
  std::vector<CentralInterval> deciles(kDeciles, CentralInterval(levels, 0.9));
  std::vector<std::size_t> at_or_below(levels.size(), 0);
  for_each_row(series, [&](const RowScore& r) {
    for (CentralInterval* interval : {&c50, &c80, &c90, &c95, &deciles[r.vol_decile]})
      interval->add(r);
    for (std::size_t l = r.first_at_or_above; l < levels.size(); ++l)
      ++at_or_below[l];
    ++out.pit[std::min(static_cast<std::size_t>(r.pit * as_double(kPitBins)), kPitBins - 1)];
  });
  out.coverage = {c50.share(), c80.share(), c90.share(), c95.share(), deciles.back().share()};
  for (std::size_t d = 0; d < kDeciles; ++d)
    out.coverage90_by_vol_decile[d] = deciles[d].share();
  for (std::size_t l = 0; l < levels.size(); ++l) {
    out.calibration.push_back({levels[l], ratio(as_double(at_or_below[l]), as_double(out.n))});
  }
}

// 1 - squared error over squared deviation, over the candles where both are known.
double r_squared(std::span<const ScoredSeries* const> series, double RowScore::*error) {
  double squared_error = 0, squared_deviation = 0;
  for_each_row(series, [&](const RowScore& r) {
    if (!std::isfinite(r.*error) || !std::isfinite(r.range_deviation)) return;
    squared_error += r.*error * r.*error;
    squared_deviation += r.range_deviation * r.range_deviation;
  });
  return squared_deviation > 0.0 ? 1.0 - squared_error / squared_deviation : kUnknown;
}

void summarise_ranges(std::span<const ScoredSeries* const> series, SeriesScores& out) {
  std::vector<double> scores;
  std::vector<bool> spikes;
  for_each_row(series, [&](const RowScore& r) {
    if (r.spike < 0 || !std::isfinite(r.spike_score)) return;
    scores.push_back(r.spike_score);
    spikes.push_back(r.spike == 1);
  });
  out.log_range_r2 = r_squared(series, &RowScore::range_error);
  out.log_range_r2_har = r_squared(series, &RowScore::range_error_har);
  out.spike_auc = area_under_roc(scores, spikes);
}

void summarise_hours(std::span<const ScoredSeries* const> series, SeriesScores& out) {
  std::array<std::array<double, 3>, kHours> sums{};
  for_each_row(series, [&](const RowScore& r) {
    const UnixMillis opens = r.close_time + 1;  // the forecast candle opens where this one closed
    const auto hour = static_cast<std::size_t>(((opens % kDay) + kDay) % kDay / kHour);
    ++out.hours[hour].n;
    sums[hour][0] += r.pinball;
    sums[hour][1] += r.pinball_ewma;
    sums[hour][2] += r.pinball_har;
  });
  for (std::size_t h = 0; h < kHours; ++h) {
    const double n = as_double(out.hours[h].n);
    out.hours[h].pinball = ratio(sums[h][0], n);
    out.hours[h].pinball_ewma = ratio(sums[h][1], n);
    out.hours[h].pinball_har = ratio(sums[h][2], n);
  }
}

void summarise_ages(std::span<const ScoredSeries* const> series, SeriesScores& out) {
  std::map<std::int32_t, AgeScores> weeks;  // sums first
  for_each_row(series, [&](const RowScore& r) {
    if (r.week < 0) return;
    AgeScores& sum =
        weeks.try_emplace(r.week, AgeScores{static_cast<std::size_t>(r.week), 0, 0, 0, 0}).first->second;
    ++sum.n;
    sum.pinball += r.pinball;
    sum.pinball_ewma += r.pinball_ewma;
    sum.pinball_har += r.pinball_har;
  });
  for (const auto& [week, sum] : weeks) {
    const double n = as_double(sum.n);
    out.ages.push_back({sum.week, sum.n, sum.pinball / n, sum.pinball_ewma / n, sum.pinball_har / n});
  }
}

StepScores summarise_step(std::span<const ScoredSeries* const> series, std::size_t step, bool has_90) {
  StepSums sum;
  for (const ScoredSeries* s : series) {
    const StepSums& part = s->steps[step];
    sum.n += part.n;
    sum.covered90 += part.covered90;
    sum.top_n += part.top_n;
    sum.covered90_top += part.covered90_top;
    sum.pinball += part.pinball;
    sum.pinball_static += part.pinball_static;
    sum.pinball_ewma += part.pinball_ewma;
    sum.pinball_har += part.pinball_har;
    sum.abs_error += part.abs_error;
    sum.abs_y += part.abs_y;
  }
  const double n = as_double(sum.n);
  StepScores out;
  out.step = step + 1;
  out.n = sum.n;
  out.pinball = ratio(sum.pinball, n);
  out.pinball_static = ratio(sum.pinball_static, n);
  out.pinball_ewma = ratio(sum.pinball_ewma, n);
  out.pinball_har = ratio(sum.pinball_har, n);
  out.skill_vs_ewma_pct = skill_pct(sum.pinball, sum.pinball_ewma);
  out.skill_vs_har_pct = skill_pct(sum.pinball, sum.pinball_har);
  out.coverage90 = has_90 ? ratio(as_double(sum.covered90), n) : kUnknown;
  out.coverage90_top_vol_decile =
      has_90 ? ratio(as_double(sum.covered90_top), as_double(sum.top_n)) : kUnknown;
  out.mae_ratio = ratio(sum.abs_error, sum.abs_y);
  return out;
}

}  // namespace

double skill_pct(double loss, double reference) {
  return reference > 0.0 ? 100.0 * (1.0 - loss / reference) : kUnknown;
}

SeriesScores summarise(std::span<const ScoredSeries* const> series) {
  SeriesScores out;
  for (const ScoredSeries* s : series) {
    out.n += s->rows.size();
    out.n_unknown += s->scores.n_unknown;
  }
  out.horizon = series[0]->steps.size();
  summarise_errors(series, out);
  summarise_losses(series, out);
  summarise_direction(series, out);
  summarise_calibration(series, out);
  summarise_ranges(series, out);
  summarise_hours(series, out);
  summarise_ages(series, out);
  const auto& levels = series[0]->levels;
  const bool has_90 = level_index(levels, 0.05) && level_index(levels, 0.95);
  for (std::size_t step = 0; step < out.horizon; ++step) {
    out.steps.push_back(summarise_step(series, step, has_90));
  }
  return out;
}

}  // namespace mop::evaluate
