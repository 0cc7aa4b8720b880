// Test support: a small market and models of it that train in a moment.
#pragma once
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/check.h"
#include "mop/dataset/markets.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/features/candle_rows.h"
#include "mop/serve/model_host.h"
#include "mop/train/test_candles.h"

namespace mop::serve {

using market::CandleSeries;
using market::Interval;

inline constexpr std::size_t kHours = 1120, kTrainedHours = 800;  // 15m candles: four times as many

// Three coins with a hole of two hours after the training in the second one; the third has no model.
inline std::vector<CandleSeries> market_candles() {
  std::vector<CandleSeries> all;
  for (const Interval interval : market::kIntervals) {
    const std::size_t per_hour = interval == Interval::k15m ? 4 : 1;
    for (const std::uint64_t seed : {11u, 12u, 13u}) {
      CandleSeries s = train::swinging(interval, kHours * per_hour, seed);
      s.symbol = seed == 11 ? "BTCUSDT" : seed == 12 ? "ETHUSDT" : "SOLUSDT";
      if (seed == 12) {
        CandleSeries cut = s.slice(0, 850 * per_hour);
        for (std::size_t t = 852 * per_hour; t < s.size(); ++t) {
          cut.open_time.push_back(s.open_time[t]);
          cut.open.push_back(s.open[t]);
          cut.high.push_back(s.high[t]);
          cut.low.push_back(s.low[t]);
          cut.close.push_back(s.close[t]);
          cut.volume.push_back(s.volume[t]);
        }
        s = std::move(cut);
      }
      all.push_back(std::move(s));
    }
  }
  return all;
}

inline CandleSeries find(const std::vector<CandleSeries>& all, std::string_view symbol, Interval interval) {
  return *std::ranges::find_if(
      all, [&](const CandleSeries& s) { return s.symbol == symbol && s.interval == interval; });
}

inline std::vector<CandleSeries> series_for(const std::vector<CandleSeries>& all,
                                            const train::TrainedModel& model) {
  std::vector<CandleSeries> series;
  for (const Interval interval : train::intervals_of(model.kind))
    series.push_back(find(all, model.symbol, interval));
  return series;
}

// Models of both coins and all kinds, trained on the first part.
inline std::vector<ModelFile> trained(const std::vector<CandleSeries>& all) {
  const UnixMillis until = all[0].open_time[0] + static_cast<DurationMillis>(kTrainedHours) * kHour;
  std::vector<CandleSeries> known;
  for (const CandleSeries& s : all)
    known.push_back(s.closing_in(INT64_MIN, until));
  const dataset::Markets markets(known);
  std::vector<ModelFile> files;
  for (const train::Kind kind : {train::Kind::k15m, train::Kind::k1h, train::Kind::kUnified}) {
    train::TrainJob job = train::small_job(kind);
    job.profile.pooled = true;
    job.profile.ensemble = 2;
    job.profile.epochs = 1;
    job.coins.clear();
    for (const char* coin : {"BTCUSDT", "ETHUSDT"}) {
      train::CoinCandles candles{coin, {}};
      for (const Interval interval : train::intervals_of(kind))
        candles.series.push_back(find(known, coin, interval));
      job.coins.push_back(std::move(candles));
    }
    job.markets = &markets;
    job.market_coins = {"BTCUSDT", "ETHUSDT", "SOLUSDT"};
    auto models = train::train_models(job, [](const train::EpochReport&) {}).value();
    for (train::TrainedModel& model : models) {
      const auto series = series_for(known, model);
      MOP_CHECK(evaluate::score_validation(model, series, &markets, 0.01).has_value());
      files.push_back({std::move(model), std::string(64, static_cast<char>('0' + files.size()))});
    }
  }
  return files;
}

// All candles by the instant they close at, as a stream gives them: in no order.
inline std::map<UnixMillis, std::vector<LiveCandle>> instants(const std::vector<CandleSeries>& all) {
  std::map<UnixMillis, std::vector<LiveCandle>> by_close;
  for (const CandleSeries& s : all) {
    for (std::size_t t = 0; t < s.size(); ++t)
      by_close[s.close_time(t)].push_back({{s.symbol, s.interval}, features::candle_values(s, t)});
  }
  for (auto& [close_time, candles] : by_close)
    if (close_time / kHour % 2 == 0) std::ranges::reverse(candles);
  return by_close;
}

}  // namespace mop::serve
