#include "mop/serve/ledger_scores.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/base/rng.h"
#include "mop/evaluate/quantiles.h"
#include "mop/evaluate/statistics.h"
#include "mop/evaluate/summary.h"

namespace mop::serve {
namespace {

using evaluate::kUnknown;

constexpr std::uint64_t kBootstrapStream = 0x6c6564676572;  // "ledger"
constexpr std::size_t kDraws = 2000, kFewestDays = 10;

std::span<const double> step_of(const std::vector<double>& table, std::size_t step, std::size_t levels) {
  return std::span(table).subspan((step - 1) * levels, levels);
}

std::vector<double> scaled(std::span<const double> quantiles, double factor) {
  std::vector<double> result;
  result.reserve(quantiles.size());
  for (const double q : quantiles)
    result.push_back(factor * q);
  return result;
}

double unit_of(const ForecastRow& row, std::size_t step) {
  return row.sigma * std::sqrt(static_cast<double>(step));
}

std::int8_t inside(std::span<const double> levels, std::span<const double> quantiles, double share,
                   double z) {
  const auto lo = evaluate::level_index(levels, 0.5 - share / 2.0);
  const auto hi = evaluate::level_index(levels, 0.5 + share / 2.0);
  if (!lo || !hi) return -1;
  return quantiles[*lo] <= z && z <= quantiles[*hi] ? 1 : 0;
}

std::int8_t direction_of(double p_up, double move, double tick_size) {
  if (!(std::abs(move) > (2.0 + 1e-6) * tick_size)) return -1;  // 1e-6: prices are rounded doubles
  return (p_up > 0.5) == (move > 0.0) ? 1 : 0;
}

double log_range_error(const ForecastRow& row, std::size_t step, const ClosedCandle& candle) {
  const double range = std::log(candle.high / candle.low);
  if (step != 1 || !row.log_range || !(range > 0.0)) return kUnknown;
  return std::log(range / *row.log_range);
}

bool close_to(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)});
}

double ratio(double sum, std::size_t count) {
  return count > 0 ? sum / static_cast<double>(count) : kUnknown;
}

// What the forecasts of a time add up to.
struct Sums {
  std::size_t n = 0, moves = 0, right = 0;
  double pinball = 0, fixed = 0, ewma = 0, har = 0, error = 0, move = 0;
  std::array<std::size_t, 4> inside{}, stated{};

  void add(const StepScore& s) {
    ++n;
    pinball += s.pinball;
    fixed += s.pinball_static;
    ewma += s.pinball_ewma;
    har += s.pinball_har;
    if (std::isfinite(s.abs_error)) {
      error += s.abs_error;
      move += s.abs_move;
    }
    moves += s.direction >= 0 ? 1 : 0;
    right += s.direction == 1 ? 1 : 0;
    for (std::size_t i = 0; i < inside.size(); ++i) {
      stated[i] += s.inside[i] >= 0 ? 1 : 0;
      inside[i] += s.inside[i] == 1 ? 1 : 0;
    }
  }
  double coverage(std::size_t i) const { return ratio(static_cast<double>(inside[i]), stated[i]); }
};

// Coins move together, so days are drawn, all coins of a day at once.
evaluate::Bounds bootstrap_direction(std::span<const std::vector<ScoredForecast>> series) {
  std::map<UnixMillis, std::pair<double, double>> by_day;  // right, moves
  for (const auto& forecasts : series) {
    for (const ScoredForecast& f : forecasts) {
      auto& [right, moves] = by_day[(f.as_of + 1) / kDay];
      right += f.score.direction == 1 ? 1.0 : 0.0;
      moves += f.score.direction >= 0 ? 1.0 : 0.0;
    }
  }
  if (by_day.size() < kFewestDays) return {kUnknown, kUnknown};
  std::vector<std::pair<double, double>> days;
  days.reserve(by_day.size());
  for (const auto& [day, counts] : by_day)
    days.push_back(counts);
  Rng rng(1, kBootstrapStream);
  std::vector<double> draws;
  for (std::size_t draw = 0; draw < kDraws; ++draw) {
    double right = 0, moves = 0;
    for (std::size_t i = 0; i < days.size(); ++i) {
      const auto& day = days[rng.below(days.size())];
      right += day.first;
      moves += day.second;
    }
    if (!(moves > 0.0)) return {kUnknown, kUnknown};
    draws.push_back(right / moves);
  }
  const auto q = evaluate::quantiles_of(draws, std::array{0.025, 0.975});
  return {q[0], q[1]};
}

// Mean loss difference to B3 at each close, ascending.
std::vector<double> differences_by_close(std::span<const std::vector<ScoredForecast>> series) {
  std::map<UnixMillis, std::pair<double, std::size_t>> by_close;
  for (const auto& forecasts : series) {
    for (const ScoredForecast& f : forecasts) {
      auto& [sum, count] = by_close[f.as_of];
      sum += f.score.pinball - f.score.pinball_har;
      ++count;
    }
  }
  std::vector<double> differences;
  differences.reserve(by_close.size());
  for (const auto& [close, at] : by_close)
    differences.push_back(ratio(at.first, at.second));
  return differences;
}

double newest_p(std::vector<double> differences, std::size_t lag) {
  const std::size_t n = std::min(differences.size(), kDemotionWindow);
  return evaluate::diebold_mariano_p(std::span(differences).last(n), lag);
}

}  // namespace

BaselineQuantiles baseline_quantiles(const ForecastRow& row, const ModelRow& model, std::size_t step) {
  MOP_CHECK(step >= 1 && step <= row.horizon && row.horizon == model.horizon)
      << step << " of " << row.horizon;
  const std::size_t levels = model.levels.size();
  const auto ewma = scaled(step_of(model.ewma_z, step, levels), 1.0);
  return {scaled(step_of(model.static_y, step, levels), 1.0 / unit_of(row, step)), ewma,
          row.har_scale.empty() ? ewma
                                : scaled(step_of(model.har_residual, step, levels), row.har_scale[step - 1])};
}

StepScore score_step(std::int64_t seq, const ForecastRow& row, const ModelRow& model, std::size_t step,
                     const ClosedCandle& candle) {
  const BaselineQuantiles baselines = baseline_quantiles(row, model, step);
  const auto quantiles = step_of(row.z, step, model.levels.size());
  StepScore s;
  s.seq = seq;
  s.step = static_cast<std::int64_t>(step);
  s.close = candle.close;
  s.high = candle.high;
  s.low = candle.low;
  s.z = std::log(candle.close / row.close) / unit_of(row, step);
  s.pinball = evaluate::mean_pinball_loss(model.levels, quantiles, s.z);
  s.pinball_static = evaluate::mean_pinball_loss(model.levels, baselines.fixed, s.z);
  s.pinball_ewma = evaluate::mean_pinball_loss(model.levels, baselines.ewma, s.z);
  s.pinball_har = evaluate::mean_pinball_loss(model.levels, baselines.har, s.z);
  for (std::size_t i = 0; i < kCentralShares.size(); ++i)
    s.inside[i] = inside(model.levels, quantiles, kCentralShares[i], s.z);
  s.direction = direction_of(row.p_up[step - 1], candle.close - row.close, row.tick_size);
  s.log_range_error = log_range_error(row, step, candle);
  if (const auto middle = std::ranges::find(model.levels, 0.5); middle != model.levels.end()) {
    const double median = quantiles[static_cast<std::size_t>(middle - model.levels.begin())];
    s.abs_error = std::abs(s.z - median) * unit_of(row, step);
    s.abs_move = std::abs(s.z) * unit_of(row, step);
  }
  return s;
}

bool same_score(const StepScore& a, const StepScore& b) {
  constexpr double StepScore::*kNumbers[] = {&StepScore::close,
                                             &StepScore::high,
                                             &StepScore::low,
                                             &StepScore::z,
                                             &StepScore::pinball,
                                             &StepScore::pinball_static,
                                             &StepScore::pinball_ewma,
                                             &StepScore::pinball_har,
                                             &StepScore::log_range_error};
  const auto alike = [](double x, double y) { return std::isnan(y) || close_to(x, y); };
  return a.inside == b.inside && a.direction == b.direction && alike(a.abs_error, b.abs_error) &&
         alike(a.abs_move, b.abs_move) &&
         std::all_of(std::begin(kNumbers), std::end(kNumbers),
                     [&](double StepScore::*number) { return close_to(a.*number, b.*number); });
}

LiveScores summarise(std::span<const std::vector<ScoredForecast>> series, std::string symbol,
                     market::Interval interval) {
  LiveScores out;
  out.symbol = std::move(symbol);
  out.interval = interval;
  Sums sums;
  std::size_t horizon = 0;
  for (const auto& forecasts : series) {
    for (const ScoredForecast& f : forecasts) {
      sums.add(f.score);
      horizon = std::max(horizon, f.horizon);
      out.first_as_of = out.first_as_of == 0 ? f.as_of : std::min(out.first_as_of, f.as_of);
      out.last_as_of = std::max(out.last_as_of, f.as_of);
      if (out.champion.empty()) out.champion = f.champion;
      if (out.champion != f.champion) out.champion = "mixed";
    }
  }
  out.n = sums.n;
  out.pinball = ratio(sums.pinball, sums.n);
  out.pinball_static = ratio(sums.fixed, sums.n);
  out.pinball_ewma = ratio(sums.ewma, sums.n);
  out.pinball_har = ratio(sums.har, sums.n);
  out.skill_vs_static_pct = evaluate::skill_pct(sums.pinball, sums.fixed);
  out.skill_vs_ewma_pct = evaluate::skill_pct(sums.pinball, sums.ewma);
  out.skill_vs_har_pct = evaluate::skill_pct(sums.pinball, sums.har);
  if (sums.move > 0.0) out.mae_ratio = sums.error / sums.move;
  out.coverage = {sums.coverage(0), sums.coverage(1), sums.coverage(2), sums.coverage(3), kUnknown};
  out.direction_n = sums.moves;
  out.direction_accuracy = ratio(static_cast<double>(sums.right), sums.moves);
  out.direction_ci95 = series.size() == 1 ? evaluate::wilson_interval95(static_cast<double>(sums.right),
                                                                        static_cast<double>(sums.moves))
                                          : bootstrap_direction(series);
  out.dm_p_vs_har = newest_p(differences_by_close(series), horizon);
  return out;
}

std::optional<std::string> demotion_of(std::span<const ScoredForecast> forecasts, std::string_view champion) {
  if (forecasts.size() < kDemotionWindow) return std::nullopt;
  const auto newest = forecasts.last(kDemotionWindow);
  const std::vector<ScoredForecast> one[] = {{newest.begin(), newest.end()}};
  const LiveScores scores = summarise(one, {}, market::Interval::k1h);
  if (!(scores.pinball > scores.pinball_har) || !(scores.dm_p_vs_har < kDemotionP)) return std::nullopt;
  return fmt::format(
      "{} was worse than har by {:.2f} % over its last {} forecasts (pinball loss, Diebold-Mariano p = "
      "{:.2g}), so har forecasts",
      champion, -scores.skill_vs_har_pct, kDemotionWindow, scores.dm_p_vs_har);
}

}  // namespace mop::serve
