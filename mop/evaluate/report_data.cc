#include "mop/evaluate/report_data.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "mop/evaluate/statistics.h"

namespace mop::evaluate {
namespace {

// Rows in order of time, cut to the newest run without a hole and to `candles`.
std::vector<std::size_t> newest_run(const Outcomes& o, std::size_t candles) {
  std::vector<std::size_t> order(o.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return o.close_time[a] < o.close_time[b]; });
  std::size_t first = order.size();
  while (first > 0 && order.size() - first < candles) {
    const bool hole = first < order.size() && o.close_time[order[first]] - o.close_time[order[first - 1]] !=
                                                  market::length_of(o.interval);
    if (hole) break;
    --first;
  }
  order.erase(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(first));
  return order;
}

Fan fan_at(const Outcomes& o, const Forecasts& f, std::size_t row) {
  Fan fan{o.close_time[row], o.close[row], {}};
  for (std::size_t step = 0; step < f.horizon; ++step) {
    const double scale = o.sigma[row] * std::sqrt(static_cast<double>(step + 1));
    for (const double z : f.quantiles(row, step))
      fan.prices.push_back(o.close[row] * std::exp(z * scale));
  }
  return fan;
}

std::string mean_and_sd(const std::vector<PartScores>& seeds, std::size_t pool, double SeriesScores::*score,
                        int digits) {
  std::vector<double> values;
  for (const PartScores& p : seeds)
    values.push_back(p.pooled[pool].*score);
  const double mean = mean_of(values);
  double squares = 0;
  for (const double v : values)
    squares += (v - mean) * (v - mean);
  return fmt::format("{:.{}f} +- {:.{}f}", mean, digits,
                     std::sqrt(squares / static_cast<double>(values.size() - 1)), digits);
}

}  // namespace

std::vector<std::string> seed_lines(const std::vector<PartScores>& seeds) {
  std::vector<std::string> lines;
  if (seeds.size() < 2) return lines;
  for (std::size_t i = 0; i < seeds[0].pooled.size(); ++i) {
    const auto shown = [&](double SeriesScores::*score, int digits) {
      return mean_and_sd(seeds, i, score, digits);
    };
    lines.push_back(fmt::format(
        "{} over {} seeds (mean +- sd): skill vs EWMA {} %, vs HAR {} %, MAE ratio {}, direction {}, "
        "log-range R2 {}, spike AUC {}",
        market::to_string(seeds[0].pooled[i].interval), seeds.size(),
        shown(&SeriesScores::skill_vs_ewma_pct, 3), shown(&SeriesScores::skill_vs_har_pct, 3),
        shown(&SeriesScores::mae_ratio, 5), shown(&SeriesScores::direction_accuracy, 4),
        shown(&SeriesScores::log_range_r2, 3), shown(&SeriesScores::spike_auc, 3)));
  }
  return lines;
}

FanSample sample_fans(const Outcomes& outcomes, const Forecasts& forecasts, std::string kind,
                      std::size_t candles) {
  FanSample sample{outcomes.symbol, outcomes.interval, std::move(kind), {}, {}, forecasts.levels, {}};
  const auto run = newest_run(outcomes, candles);
  const std::size_t apart = 2 * outcomes.horizon;
  for (std::size_t i = 0; i < run.size(); ++i) {
    sample.close_time.push_back(outcomes.close_time[run[i]]);
    sample.close.push_back(outcomes.close[run[i]]);
    // Counted from the newest candle, which always has one.
    if ((run.size() - 1 - i) % apart == 0) sample.fans.push_back(fan_at(outcomes, forecasts, run[i]));
  }
  return sample;
}

}  // namespace mop::evaluate
