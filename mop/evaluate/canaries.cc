#include "mop/evaluate/canaries.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/dataset/markets.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/features/candle_rows.h"
#include "mop/features/stream.h"

namespace mop::evaluate {
namespace {

constexpr const char* kFutureMeaning = "cutting off or tripling every later candle changes no forecast";
constexpr const char* kFitOnlyMeaning =
    "the stored scaler is that of the fit part, and one fitted on all differs";

constexpr const char* kStreamMeaning = "inputs made from candles pushed one at a time are the same bits";

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

// The newest candles that every timeframe has. The history before changes nothing about what is asked of
// them, only the time it takes.
struct RecentCandles {
  explicit RecentCandles(const CanaryCandles& candles) {
    UnixMillis newest = INT64_MAX;
    for (const market::CandleSeries& s : candles.series)
      newest = std::min(newest, s.close_time(s.size() - 1));
    const DurationMillis slowest = market::length_of(candles.series.back().interval);
    const UnixMillis since = newest - static_cast<DurationMillis>(kRecentCandles) * slowest;
    series = closing_in(candles.series, since, INT64_MAX);
    coins = closing_in(candles.coins, since, INT64_MAX);
  }
  CanaryCandles view() const { return {series, coins}; }

  Candles series, coins;
};

// The forecast of the candle that closes at `now`, by a fresh reading of the candles.
Result<std::vector<double>> forecast_at(const train::TrainedModel& model, const CanaryCandles& candles,
                                        const Reader& read, std::size_t head, UnixMillis now) {
  MOP_TRY_ASSIGN(train::Forecaster forecaster, read(model, candles));
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

// The market as the live path meets it: asked for close times in ascending order, it reads the coins' candles
// up to each and no further.
class MarketStream {
 public:
  MarketStream(std::span<const market::CandleSeries> coins, market::Interval interval) : state_(interval) {
    for (const market::CandleSeries& coin : coins) {
      if (coin.interval != interval || coin.size() == 0) continue;
      coins_.push_back({&coin, 0});
      now_ = std::min(now_, coin.close_time(0));
    }
  }

  features::MarketMove at(UnixMillis close_time) {
    features::MarketMove move;
    for (; !coins_.empty() && now_ <= close_time; now_ += length_of(coins_[0].candles->interval))
      move = state_.push(returns_at(now_));
    return move;
  }

 private:
  struct Coin {
    const market::CandleSeries* candles;
    std::size_t next;  // first candle that closes later than what was asked for
  };

  features::MarketReturns returns_at(UnixMillis close_time) {
    features::MarketReturns returns;
    for (Coin& coin : coins_) {
      const market::CandleSeries& c = *coin.candles;
      if (coin.next >= c.size() || c.close_time(coin.next) != close_time) continue;
      const std::size_t t = coin.next++;
      if (t > 0 && c.open_time[t] - c.open_time[t - 1] == length_of(c.interval))
        returns.add(c.symbol, std::log(c.close[t] / c.close[t - 1]));
    }
    return returns;
  }

  features::MarketState state_;
  std::vector<Coin> coins_;
  UnixMillis now_ = INT64_MAX;
};

// Places of the model's inputs among all.
std::vector<std::size_t> places_of(const dataset::SeriesData& data) {
  const auto all = features::model_inputs(data.interval);
  std::vector<std::size_t> places;
  for (const std::string& name : data.input_names) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& info) { return info.name == name; });
    places.push_back(static_cast<std::size_t>(found - all.begin()));
  }
  return places;
}

template <typename Bits, typename Number>
bool differ(Number a, Number b) {
  return std::bit_cast<Bits>(a) != std::bit_cast<Bits>(b);
}

// Numbers of one series' usable rows that the live path makes otherwise.
std::size_t live_differences(const dataset::SeriesData& batch, const market::CandleSeries& live,
                             std::span<const market::CandleSeries> coins) {
  const std::vector<std::size_t> places = places_of(batch);
  features::ModelInputStream inputs(live.interval);
  MarketStream market(coins, live.interval);
  features::ModelInputRow row;
  MOP_CHECK(batch.rows() == live.size()) << "other candles";
  std::size_t differences = 0;
  for (std::size_t t = 0; t < live.size(); ++t) {
    const double sigma = inputs.push(features::candle_values(live, t), row, market.at(live.close_time(t)));
    if (batch.history[t] == 0) continue;
    differences += differ<std::uint64_t>(sigma, batch.sigma[t]) ? 1 : 0;
    for (std::size_t f = 0; f < places.size(); ++f) {
      differences += differ<std::uint32_t>(static_cast<float>(row[places[f]]), batch.row(t)[f]) ? 1 : 0;
    }
  }
  return differences;
}

}  // namespace

Result<train::Forecaster> read_candles(const train::TrainedModel& model, const CanaryCandles& candles) {
  const dataset::Markets markets(candles.coins);
  return train::Forecaster::make(model, candles.series, &markets);
}

Result<Canary> future_invariance(const train::TrainedModel& model, const CanaryCandles& candles,
                                 const Reader& read) {
  Canary canary{"future_invariance", true, 0.0, kFutureMeaning, 0.0};
  const RecentCandles recent(candles);
  MOP_TRY_ASSIGN(train::Forecaster forecaster, read(model, recent.view()));
  for (std::size_t head = 0; head < forecaster.heads(); ++head) {
    const auto rows = forecast_rows(forecaster, head, INT64_MIN, INT64_MAX);
    if (rows.size() < 2) continue;
    const UnixMillis now = forecaster.series(head).close_time[rows[rows.size() * 3 / 4]];
    MOP_TRY_ASSIGN(const auto whole, forecast_at(model, recent.view(), read, head, now));
    const auto compare = [&](const Candles& series, const Candles& coins) -> Result<void> {
      MOP_TRY_ASSIGN(const auto again, forecast_at(model, {series, coins}, read, head, now));
      canary.figure = std::max(canary.figure, largest_difference(whole, again));
      canary.passed = canary.passed && whole == again;
      return {};
    };
    MOP_TRY(
        compare(closing_in(recent.series, INT64_MIN, now + 1), closing_in(recent.coins, INT64_MIN, now + 1)));
    MOP_TRY(compare(with_other_future(recent.series, now), with_other_future(recent.coins, now)));
  }
  return canary;
}

Result<Canary> fit_only_statistics(const train::TrainedModel& model, const CanaryCandles& candles) {
  Canary canary{"fit_only_statistics", true, 0.0, kFitOnlyMeaning};
  // What the training saw.
  const Candles known = closing_in(candles.series, model.data_from, model.trained_until + 1);
  const Candles market = closing_in(candles.coins, model.market_from, model.trained_until + 1);
  MOP_TRY_ASSIGN(const train::Forecaster past, read_candles(model, {known, market}));
  MOP_TRY_ASSIGN(const train::Forecaster all, read_candles(model, candles));
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

Result<Canary> batch_equals_stream(const train::TrainedModel& model, const CanaryCandles& candles,
                                   const Reader& read) {
  Canary canary{"batch_equals_stream", true, 0.0, kStreamMeaning, 0.0};
  const RecentCandles recent(candles);
  MOP_TRY_ASSIGN(const train::Forecaster batch, read(model, recent.view()));
  for (std::size_t head = 0; head < batch.heads(); ++head) {
    canary.figure +=
        static_cast<double>(live_differences(batch.series(head), recent.series[head], recent.coins));
  }
  canary.passed = canary.figure == 0.0;
  return canary;
}

Result<std::vector<Canary>> canaries_of(const train::TrainedModel& model, const CanaryCandles& candles) {
  MOP_TRY_ASSIGN(Canary future, future_invariance(model, candles));
  MOP_TRY_ASSIGN(Canary fit_only, fit_only_statistics(model, candles));
  MOP_TRY_ASSIGN(Canary stream, batch_equals_stream(model, candles));
  return std::vector<Canary>{std::move(future), std::move(fit_only), std::move(stream)};
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
