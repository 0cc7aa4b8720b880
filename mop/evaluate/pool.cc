#include "mop/evaluate/pool.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "mop/base/rng.h"
#include "mop/evaluate/quantiles.h"
#include "mop/evaluate/summary.h"

namespace mop::evaluate {
namespace {

constexpr std::uint64_t kBootstrapStream = 0x706f6f6c;  // "pool"
constexpr std::size_t kFewestDays = 10;
constexpr std::size_t kFewestRanked = 5;  // coins at one instant for a rank correlation

using Members = std::vector<const ScoredSeries*>;

struct DaySums {
  double right = 0, moves = 0, pinball = 0, ewma = 0, har = 0;
  double correlation = 0, correlations = 0;  // across coins, at the day's instants

  void add(const DaySums& other) {
    right += other.right;
    moves += other.moves;
    pinball += other.pinball;
    ewma += other.ewma;
    har += other.har;
    correlation += other.correlation;
    correlations += other.correlations;
  }
};

UnixMillis day_of(UnixMillis close_time) {
  const UnixMillis opens = close_time + 1;
  return (opens - ((opens % kDay) + kDay) % kDay) / kDay;
}

// What all coins add up to on each UTC day, ascending.
std::vector<DaySums> sums_by_day(const Members& members, const std::map<UnixMillis, double>& correlations) {
  std::map<UnixMillis, DaySums> days;
  for (const ScoredSeries* s : members) {
    for (const RowScore& r : s->rows) {
      days[day_of(r.close_time)].add({r.direction == 1 ? 1.0 : 0.0, r.direction >= 0 ? 1.0 : 0.0, r.pinball,
                                      r.pinball_ewma, r.pinball_har});
    }
  }
  for (const auto& [time, correlation] : correlations)
    days[day_of(time)].add({.correlation = correlation, .correlations = 1.0});
  std::vector<DaySums> sums;
  for (const auto& [day, sum] : days)
    sums.push_back(sum);
  return sums;
}

Bounds percentile_interval(std::vector<double>& draws) {
  if (std::any_of(draws.begin(), draws.end(), [](double x) { return !std::isfinite(x); })) {
    return {kUnknown, kUnknown};
  }
  const auto q = quantiles_of(draws, std::array{0.025, 0.975});
  return {q[0], q[1]};
}

void bootstrap(const std::vector<DaySums>& days, const PoolOptions& options, SeriesScores& out) {
  if (days.size() < kFewestDays) return;
  Rng rng(options.seed, kBootstrapStream);
  std::vector<double> direction, vs_ewma, vs_har, rank_ic;
  for (std::size_t draw = 0; draw < options.draws; ++draw) {
    DaySums sum;
    for (std::size_t i = 0; i < days.size(); ++i)
      sum.add(days[rng.below(days.size())]);
    direction.push_back(sum.moves > 0.0 ? sum.right / sum.moves : kUnknown);
    vs_ewma.push_back(skill_pct(sum.pinball, sum.ewma));
    vs_har.push_back(skill_pct(sum.pinball, sum.har));
    rank_ic.push_back(sum.correlations > 0.0 ? sum.correlation / sum.correlations : kUnknown);
  }
  out.direction_ci95 = percentile_interval(direction);
  out.skill_vs_ewma_ci95 = percentile_interval(vs_ewma);
  out.skill_vs_har_ci95 = percentile_interval(vs_har);
  out.rank_ic_ci95 = percentile_interval(rank_ic);
}

std::map<UnixMillis, std::vector<const RowScore*>> rows_by_instant(const Members& members) {
  std::map<UnixMillis, std::vector<const RowScore*>> instants;
  for (const ScoredSeries* s : members) {
    for (const RowScore& r : s->rows)
      instants[r.close_time].push_back(&r);
  }
  return instants;
}

// Diebold-Mariano on averages over the coins; returns the rank correlation across them, by instant.
std::map<UnixMillis, double> score_instants(const Members& members, SeriesScores& out) {
  std::vector<double> vs_ewma, vs_har;
  std::map<UnixMillis, double> correlations;
  for (const auto& [time, rows] : rows_by_instant(members)) {
    double ewma = 0, har = 0;
    std::vector<double> forecast, actual;
    for (const RowScore* r : rows) {
      ewma += r->pinball - r->pinball_ewma;
      har += r->pinball - r->pinball_har;
      forecast.push_back(r->median_y);
      actual.push_back(r->y);
    }
    vs_ewma.push_back(ewma / static_cast<double>(rows.size()));
    vs_har.push_back(har / static_cast<double>(rows.size()));
    if (rows.size() < kFewestRanked) continue;
    const double correlation = rank_correlation(forecast, actual);
    if (std::isfinite(correlation)) correlations[time] = correlation;
  }
  out.dm_p_vs_ewma = diebold_mariano_p(vs_ewma, out.horizon);
  out.dm_p_vs_har = diebold_mariano_p(vs_har, out.horizon);
  return correlations;
}

double mean_value(const std::map<UnixMillis, double>& by_time) {
  double sum = 0;
  for (const auto& [time, value] : by_time)
    sum += value;
  return by_time.empty() ? kUnknown : sum / static_cast<double>(by_time.size());
}

// The members' common name, or "mixed".
std::string common(const Members& members, std::string SeriesScores::*name) {
  for (const ScoredSeries* s : members) {
    if (s->scores.*name != members[0]->scores.*name) return "mixed";
  }
  return members[0]->scores.*name;
}

Result<void> check(std::span<const ScoredSeries> series, const PoolOptions& options) {
  if (series.empty() || options.draws < 100) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a pool needs at least 1 series and 100 bootstrap draws, had {} and {}",
                            series.size(), options.draws));
  }
  for (const ScoredSeries& s : series) {
    if (s.levels == series[0].levels && s.steps.size() == series[0].steps.size() &&
        s.scores.interval == series[0].scores.interval) {
      continue;
    }
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{} {} cannot be pooled with {} {}: timeframe, horizon and quantile levels must be equal",
                    s.scores.symbol, market::to_string(s.scores.interval), series[0].scores.symbol,
                    market::to_string(series[0].scores.interval)));
  }
  return {};
}

}  // namespace

Result<SeriesScores> pool(std::span<const ScoredSeries> series, const PoolOptions& options) {
  MOP_TRY(check(series, options));
  Members members;
  for (const ScoredSeries& s : series)
    members.push_back(&s);
  SeriesScores out = summarise(members);
  out.symbol = "pooled";
  out.interval = series[0].scores.interval;
  out.kind = common(members, &SeriesScores::kind);
  out.champion = common(members, &SeriesScores::champion);
  const auto correlations = score_instants(members, out);
  out.rank_ic = mean_value(correlations);
  bootstrap(sums_by_day(members, correlations), options, out);
  return out;
}

}  // namespace mop::evaluate
