#include "mop/evaluate/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "mop/evaluate/quantiles.h"
#include "mop/evaluate/summary.h"

namespace mop::evaluate {
namespace {

constexpr DurationMillis kWeek = 7 * kDay;

struct Inputs {
  const Outcomes& outcomes;
  const Forecasts& model;
  const BaselineForecasts& baselines;
  std::size_t median;  // index of level 0.5
};

std::vector<std::size_t> order_of_time(const Outcomes& o) {
  std::vector<std::size_t> order(o.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return o.close_time[a] < o.close_time[b]; });
  return order;
}

double loss_of(const Forecasts& f, std::size_t row, std::size_t step, double z) {
  return mean_pinball_loss(f.levels, f.quantiles(row, step), z);
}

std::int8_t said_right(double p_up, double move) {
  return static_cast<std::int8_t>((p_up > 0.5) == (move > 0.0) ? 1 : 0);
}

void score_direction(const Inputs& in, std::size_t row, RowScore& r) {
  const double move = r.close * std::expm1(r.y);
  if (!(std::abs(move) > (2.0 + 1e-6) * r.tick_size)) return;  // 1e-6: prices are rounded doubles
  r.direction = said_right(in.model.p_up[row * in.model.horizon], move);
  const auto& reversal = in.baselines.reversal_p_up;
  if (!reversal.empty() && reversal[row] != 0.5) r.reversal = said_right(reversal[row], move);
}

// Errors of the range forecasts; the deviation from the series' mean is set when all rows are known.
void score_range(const Inputs& in, std::size_t row, RowScore& r) {
  const auto& ranges = in.outcomes.next_log_range;
  if (ranges.empty() || !std::isfinite(ranges[row])) return;
  const double threshold = in.baselines.spike_threshold;
  if (std::isfinite(threshold)) r.spike = ranges[row] > threshold ? 1 : 0;
  const auto& own = in.model.log_range;
  const auto& har = in.baselines.har.log_range;
  if (!own.empty() && threshold > 0.0) r.spike_score = std::log(own[row] / threshold);
  if (ranges[row] <= 0.0) return;
  r.range_deviation = std::log(ranges[row]);
  if (!own.empty()) r.range_error = r.range_deviation - std::log(own[row]);
  if (!har.empty()) r.range_error_har = r.range_deviation - std::log(har[row]);
}

RowScore score_row(const Inputs& in, std::size_t row) {
  const Outcomes& o = in.outcomes;
  RowScore r;
  r.close_time = o.close_time[row];
  r.close = o.close[row];
  r.tick_size = o.tick_size;
  if (in.model.trained_until > 0) {
    r.week = static_cast<std::int32_t>((r.close_time - in.model.trained_until) / kWeek);
  }
  r.y = o.target(row, 0);
  r.z = scaled_target(o, row, 0);
  const auto q = in.model.quantiles(row, 0);
  r.median_z = q[in.median];
  r.median_y = r.median_z * o.sigma[row];
  r.pinball = loss_of(in.model, row, 0, r.z);
  r.pinball_static = loss_of(in.baselines.fixed, row, 0, r.z);
  r.pinball_ewma = loss_of(in.baselines.ewma, row, 0, r.z);
  r.pinball_har = loss_of(in.baselines.har, row, 0, r.z);
  r.pit = cdf_at(in.model.levels, q, r.z);
  r.first_at_or_above = static_cast<std::uint16_t>(std::lower_bound(q.begin(), q.end(), r.z) - q.begin());
  r.first_above = static_cast<std::uint16_t>(std::upper_bound(q.begin(), q.end(), r.z) - q.begin());
  score_direction(in, row, r);
  score_range(in, row, r);
  return r;
}

// `top` says which rows are in the top tenth of sigma.
StepSums score_step(const Inputs& in, std::span<const std::size_t> order, const std::vector<bool>& top,
                    std::size_t step) {
  const Outcomes& o = in.outcomes;
  const auto lo = level_index(in.model.levels, 0.05), hi = level_index(in.model.levels, 0.95);
  StepSums sum;
  for (const std::size_t row : order) {
    const double y = o.target(row, step);
    if (!std::isfinite(y)) continue;
    const double z = scaled_target(o, row, step);
    const auto q = in.model.quantiles(row, step);
    ++sum.n;
    const std::size_t covered = lo && hi && q[*lo] <= z && z <= q[*hi] ? 1 : 0;
    sum.covered90 += covered;
    if (top[row]) {
      ++sum.top_n;
      sum.covered90_top += covered;
    }
    sum.pinball += loss_of(in.model, row, step, z);
    sum.pinball_static += loss_of(in.baselines.fixed, row, step, z);
    sum.pinball_ewma += loss_of(in.baselines.ewma, row, step, z);
    sum.pinball_har += loss_of(in.baselines.har, row, step, z);
    sum.abs_error += std::abs(y - q[in.median] * o.sigma[row] * std::sqrt(static_cast<double>(step + 1)));
    sum.abs_y += std::abs(y);
  }
  return sum;
}

// Tenths of the scored candles by sigma, calmest first; equal sigmas in order of time.
void assign_vol_deciles(const Outcomes& o, const std::vector<std::size_t>& row_of,
                        std::vector<RowScore>& rows) {
  std::vector<std::size_t> by_sigma(rows.size());
  std::iota(by_sigma.begin(), by_sigma.end(), std::size_t{0});
  std::stable_sort(by_sigma.begin(), by_sigma.end(),
                   [&](std::size_t a, std::size_t b) { return o.sigma[row_of[a]] < o.sigma[row_of[b]]; });
  for (std::size_t rank = 0; rank < by_sigma.size(); ++rank) {
    rows[by_sigma[rank]].vol_decile = static_cast<std::uint8_t>(rank * kDeciles / rows.size());
  }
}

void centre_range_deviations(std::vector<RowScore>& rows) {
  std::vector<double> logs;
  for (const RowScore& r : rows) {
    if (std::isfinite(r.range_deviation)) logs.push_back(r.range_deviation);
  }
  const double mean = mean_of(logs);
  for (RowScore& r : rows)
    r.range_deviation -= mean;
}

double dm_p(const std::vector<RowScore>& rows, double RowScore::*reference, std::size_t lag) {
  std::vector<double> differences;
  differences.reserve(rows.size());
  for (const RowScore& r : rows)
    differences.push_back(r.pinball - r.*reference);
  return diebold_mariano_p(differences, lag);
}

Result<void> check_inputs(const Outcomes& o, const Forecasts& model, const BaselineForecasts& b) {
  MOP_TRY(validate(o));
  for (const Forecasts* f : {&model, &b.fixed, &b.ewma, &b.har}) {
    MOP_TRY(validate(*f, o));
    if (f->levels != model.levels) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("{}: forecasts '{}' and '{}' must state the same quantile levels, have {} and {}",
                      o.symbol, model.name, f->name, model.levels.size(), f->levels.size()));
    }
  }
  if (b.reversal_p_up.empty() || b.reversal_p_up.size() == o.size()) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{}: the reversal baseline must have {} values, has {}", o.symbol, o.size(),
                          b.reversal_p_up.size()));
}

}  // namespace

Result<ScoredSeries> score_series(const Outcomes& o, const Forecasts& forecasts,
                                  const BaselineForecasts& baselines, std::string kind) {
  MOP_TRY(check_inputs(o, forecasts, baselines));
  const Inputs in{o, forecasts, baselines, *level_index(forecasts.levels, 0.5)};
  const auto order = order_of_time(o);
  ScoredSeries scored;
  scored.levels = forecasts.levels;
  std::vector<std::size_t> row_of;
  for (const std::size_t row : order) {
    if (!std::isfinite(o.target(row, 0))) continue;
    row_of.push_back(row);
    scored.rows.push_back(score_row(in, row));
  }
  if (scored.rows.empty()) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{} {} has no candle to score among {}: none has a known next close; fetch candles "
                    "or move the split earlier",
                    o.symbol, market::to_string(o.interval), o.size()));
  }
  assign_vol_deciles(o, row_of, scored.rows);
  std::vector<bool> top(o.size(), false);
  for (std::size_t i = 0; i < row_of.size(); ++i)
    top[row_of[i]] = scored.rows[i].vol_decile == kDeciles - 1;
  for (std::size_t step = 0; step < o.horizon; ++step)
    scored.steps.push_back(score_step(in, order, top, step));
  centre_range_deviations(scored.rows);

  const ScoredSeries* one[] = {&scored};
  SeriesScores scores = summarise(one);
  scores.symbol = o.symbol;
  scores.interval = o.interval;
  scores.kind = std::move(kind);
  scores.champion = forecasts.name;
  scores.n_unknown = o.size() - scored.rows.size();
  const double moves = static_cast<double>(scores.direction_n);
  if (moves > 0.0) scores.direction_ci95 = wilson_interval95(scores.direction_accuracy * moves, moves);
  scores.dm_p_vs_ewma = dm_p(scored.rows, &RowScore::pinball_ewma, o.horizon);
  scores.dm_p_vs_har = dm_p(scored.rows, &RowScore::pinball_har, o.horizon);
  scored.scores = std::move(scores);
  return scored;
}

}  // namespace mop::evaluate
