#include "mop/serve/alert_backscore.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace mop::serve {
namespace {

// What the alert would have looked at, at one close of one series.
struct Point {
  std::size_t series;
  UnixMillis as_of;
  double value;
  std::int8_t right;  // what the forecast said came out: 1, it did not: 0, nothing to judge: -1
};

// Goes through one series, forecast by forecast.
class Past {
 public:
  Past(const AlertSpec& spec, store::SeriesKey series) : spec_(spec), series_(std::move(series)) {}

  std::optional<Point> take(const ForecastRow& row, const std::vector<StepScore>& scores) {
    const DurationMillis length = market::length_of(series_.interval);
    const bool follows = !candles_.empty() && candles_.back().open_time + 2 * length == row.as_of + 1;
    candles_.push_back({row.as_of + 1 - length, row.close, row.close, row.close, row.close, 0.0});
    AlertView view;
    view.series = series_;
    view.as_of = row.as_of;
    view.candles = candles_;
    view.forecast = &row;
    if (row.log_range) view.range_rank = expected_.rank(*row.log_range);
    if (follows) view.band = band_;
    const auto value = alert_value(spec_, view);
    const std::int8_t right = value ? judge(row, *value, scores) : std::int8_t{-1};
    if (row.log_range) expected_.add(*row.log_range);
    if (!scores.empty()) realised_.add(range_of(scores.front()));
    band_ = band_of(row);
    if (!value) return std::nullopt;
    return Point{0, row.as_of, *value, right};
  }

 private:
  static double range_of(const StepScore& score) { return std::log(score.high / score.low); }

  std::int8_t judge(const ForecastRow& row, double value, const std::vector<StepScore>& scores) const {
    const std::int64_t step = spec_.kind == AlertKind::kSpike ? 1 : spec_.step;
    const auto came = std::ranges::find(scores, step, &StepScore::step);
    if (came == scores.end()) return -1;
    if (spec_.kind == AlertKind::kForecast || spec_.kind == AlertKind::kPUp) {
      const bool up = spec_.kind == AlertKind::kPUp ? spec_.side == AlertSide::kAbove : value > 0.0;
      return (up ? came->close > row.close : came->close < row.close) ? 1 : 0;
    }
    if (spec_.kind != AlertKind::kSpike) return -1;
    const auto rank = realised_.rank(range_of(*came));
    if (!rank) return -1;
    return *rank >= spec_.threshold ? 1 : 0;
  }

  const AlertSpec& spec_;
  store::SeriesKey series_;
  RangeRank expected_, realised_;
  std::optional<AlertView::Band> band_;
  std::vector<BoardCandle> candles_;
};

Result<void> look_back(Ledger& ledger, const AlertSpec& spec, const store::SeriesKey& series,
                       std::size_t last, std::size_t index, std::vector<Point>& points, BackScore& score) {
  MOP_TRY_ASSIGN(const auto newest, ledger.newest_forecast(series.symbol, series.interval));
  if (!newest) return {};
  const UnixMillis since =
      newest->as_of - static_cast<DurationMillis>(last) * market::length_of(series.interval) + 1;
  UnixMillis first = 0;
  Past past(spec, series);
  const Ledger::Visit take = [&](std::int64_t seq, const ForecastRow& row) -> Result<void> {
    MOP_TRY_ASSIGN(const auto scores, ledger.scores_of(seq));
    if (first == 0) first = row.as_of;
    ++score.forecasts;
    if (auto point = past.take(row, scores)) {
      point->series = index;
      points.push_back(*point);
    }
    return {};
  };
  MOP_TRY(ledger.visit(series.symbol, series.interval, since, std::numeric_limits<UnixMillis>::max(), take));
  score.first = score.first == 0 ? first : std::min(score.first, first);
  score.last = std::max(score.last, newest->as_of);
  score.days = std::max(score.days, static_cast<double>(newest->as_of - first) / static_cast<double>(kDay));
  return {};
}

}  // namespace

Result<BackScore> back_score(Ledger& ledger, const AlertSpec& spec, std::span<const store::SeriesKey> series,
                             std::size_t last) {
  BackScore score;
  std::vector<Point> points;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (covers(spec, series[i])) MOP_TRY(look_back(ledger, spec, series[i], last, i, points, score));
  }
  // In the order of time, for the series share the day's budget.
  std::ranges::stable_sort(points, {}, &Point::as_of);
  AlertDay day;
  std::vector<AlertState> states(series.size());
  for (const Point& p : points) {
    const auto outcome = observe(spec, p.value, p.as_of, false, p.as_of, states[p.series], day);
    if (outcome != AlertOutcome::kSent) continue;
    ++score.sent;
    score.judged += p.right >= 0 ? 1 : 0;
    score.right += p.right > 0 ? 1 : 0;
  }
  return score;
}

}  // namespace mop::serve
