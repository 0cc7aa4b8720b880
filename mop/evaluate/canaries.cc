#include "mop/evaluate/canaries.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/dataset/markets.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/train/forecaster.h"

namespace mop::evaluate {
namespace {

constexpr const char* kFutureMeaning = "cutting off or tripling every later candle changes no forecast";
constexpr const char* kFitOnlyMeaning =
    "the stored scaler is that of the fit part, and one fitted on all differs";

using Candles = std::vector<market::CandleSeries>;

Candles closing_in(std::span<const market::CandleSeries> series, UnixMillis since, UnixMillis until) {
  Candles cut;
  for (const auto& s : series)
    cut.push_back(s.closing_in(since, until));
  return cut;
}

Candles with_other_future(std::span<const market::CandleSeries> series, UnixMillis now) {
  Candles changed(series.begin(), series.end());
  for (market::CandleSeries& s : changed) {
    for (std::size_t i = 0; i < s.size(); ++i) {
      if (s.close_time(i) <= now) continue;
      for (auto* column : {&s.open, &s.high, &s.low, &s.close, &s.volume})
        (*column)[i] *= 3.0;
    }
  }
  return changed;
}

Result<train::Forecaster> forecaster_of(const train::TrainedModel& model, const CanaryCandles& candles) {
  const dataset::Markets markets(candles.coins);
  return train::Forecaster::make(model, candles.series, &markets);
}

// The forecast of the candle that closes at `now`, by a fresh reading of the candles.
Result<std::vector<double>> forecast_at(const train::TrainedModel& model, const CanaryCandles& candles,
                                        std::size_t head, UnixMillis now) {
  MOP_TRY_ASSIGN(train::Forecaster forecaster, forecaster_of(model, candles));
  const std::size_t row = forecaster.series(head).first_at_or_after(now);
  if (row >= forecaster.series(head).rows() || !forecaster.can_forecast(head, row)) {
    return fail(ErrorCode::kNotFound, fmt::format("{}: no forecast at {}", model.id(), format_utc(now + 1)));
  }
  train::HeadForecasts made = forecaster.forecast(head, std::span(&row, 1));
  made.z.push_back(made.log_range[0]);
  return std::move(made.z);
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

double largest_shift(const dataset::Scaler& from, const dataset::Scaler& to) {
  double largest = 0.0;
  for (std::size_t f = 0; f < from.inputs(); ++f) {
    largest = std::max(largest, std::abs(from.mean[f] - to.mean[f]) / from.sd[f]);
  }
  return largest;
}

}  // namespace

Result<Canary> future_invariance(const train::TrainedModel& model, const CanaryCandles& candles) {
  Canary canary{"future_invariance", true, 0.0, kFutureMeaning};
  UnixMillis newest = INT64_MAX;  // that every timeframe has
  for (const market::CandleSeries& s : candles.series)
    newest = std::min(newest, s.close_time(s.size() - 1));
  // The history before changes nothing about what is asked, only the time it takes.
  const DurationMillis slowest = market::length_of(candles.series.back().interval);
  const UnixMillis since = newest - static_cast<DurationMillis>(kFutureHistory) * slowest;
  const Candles series = closing_in(candles.series, since, INT64_MAX);
  const Candles coins = closing_in(candles.coins, since, INT64_MAX);
  MOP_TRY_ASSIGN(train::Forecaster forecaster, forecaster_of(model, {series, coins}));
  for (std::size_t head = 0; head < forecaster.heads(); ++head) {
    const auto rows = forecast_rows(forecaster, head, INT64_MIN, INT64_MAX);
    if (rows.size() < 2) continue;
    const UnixMillis now = forecaster.series(head).close_time[rows[rows.size() * 3 / 4]];
    MOP_TRY_ASSIGN(const auto whole, forecast_at(model, {series, coins}, head, now));
    const auto compare = [&](const Candles& own, const Candles& market) -> Result<void> {
      MOP_TRY_ASSIGN(const auto again, forecast_at(model, {own, market}, head, now));
      canary.figure = std::max(canary.figure, largest_difference(whole, again));
      canary.passed = canary.passed && whole == again;
      return {};
    };
    MOP_TRY(compare(closing_in(series, INT64_MIN, now + 1), closing_in(coins, INT64_MIN, now + 1)));
    MOP_TRY(compare(with_other_future(series, now), with_other_future(coins, now)));
  }
  return canary;
}

Result<Canary> fit_only_statistics(const train::TrainedModel& model, const CanaryCandles& candles) {
  Canary canary{"fit_only_statistics", true, 0.0, kFitOnlyMeaning};
  // What the training saw.
  const Candles known = closing_in(candles.series, model.data_from, model.trained_until + 1);
  const Candles market = closing_in(candles.coins, model.market_from, model.trained_until + 1);
  MOP_TRY_ASSIGN(const train::Forecaster past, forecaster_of(model, {known, market}));
  MOP_TRY_ASSIGN(const train::Forecaster all, forecaster_of(model, candles));
  canary.figure = INFINITY;
  for (std::size_t head = 0; head < past.heads(); ++head) {
    const dataset::Scaler& stored = model.branches[head].scaler;
    const dataset::SeriesData& data = past.series(head);
    const auto fit = dataset::fit_scaler(data, data.first_at_or_after(model.fit_until));
    const auto leaky = dataset::fit_scaler(all.series(head), all.series(head).rows());
    const double shift = largest_shift(stored, leaky);
    canary.passed = canary.passed && largest_shift(stored, fit) == 0.0 && shift > 0.0;
    canary.figure = std::min(canary.figure, shift);
  }
  return canary;
}

Result<std::vector<Canary>> canaries_of(const train::TrainedModel& model, const CanaryCandles& candles) {
  MOP_TRY_ASSIGN(Canary future, future_invariance(model, candles));
  MOP_TRY_ASSIGN(Canary fit_only, fit_only_statistics(model, candles));
  return std::vector<Canary>{std::move(future), std::move(fit_only)};
}

std::vector<Canary> summarise(std::span<const Canary> canaries) {
  std::vector<Canary> lines;
  for (const Canary& c : canaries) {
    const auto line =
        std::find_if(lines.begin(), lines.end(), [&](const Canary& l) { return l.name == c.name; });
    if (line == lines.end()) {
      lines.push_back(c);
      continue;
    }
    line->passed = line->passed && c.passed;
    line->figure =
        c.name == "fit_only_statistics" ? std::min(line->figure, c.figure) : std::max(line->figure, c.figure);
  }
  return lines;
}

}  // namespace mop::evaluate
