#include "mop/serve/model_host.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "mop/dataset/markets.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/features/candle_rows.h"
#include "mop/train/forecaster.h"
#include "mop/train/test_candles.h"

namespace mop::serve {
namespace {

using market::CandleSeries;
using market::Interval;

constexpr std::size_t kHours = 1120, kTrainedHours = 800;  // 15m candles: four times as many

// Three coins with a hole of two hours after the training in the second one; the third has no model.
std::vector<CandleSeries> market_candles() {
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

CandleSeries find(const std::vector<CandleSeries>& all, std::string_view symbol, Interval interval) {
  return *std::ranges::find_if(
      all, [&](const CandleSeries& s) { return s.symbol == symbol && s.interval == interval; });
}

std::vector<CandleSeries> series_for(const std::vector<CandleSeries>& all, const train::TrainedModel& model) {
  std::vector<CandleSeries> series;
  for (const Interval interval : train::intervals_of(model.kind))
    series.push_back(find(all, model.symbol, interval));
  return series;
}

// Models of both coins and all kinds, trained on the first part.
std::vector<ModelFile> trained(const std::vector<CandleSeries>& all) {
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
      EXPECT_TRUE(evaluate::score_validation(model, series, &markets, 0.01));
      files.push_back({std::move(model), std::string(64, static_cast<char>('0' + files.size()))});
    }
  }
  return files;
}

// All candles by the instant they close at, as a stream gives them: in no order.
std::map<UnixMillis, std::vector<LiveCandle>> instants(const std::vector<CandleSeries>& all) {
  std::map<UnixMillis, std::vector<LiveCandle>> by_close;
  for (const CandleSeries& s : all) {
    for (std::size_t t = 0; t < s.size(); ++t)
      by_close[s.close_time(t)].push_back({{s.symbol, s.interval}, features::candle_values(s, t)});
  }
  for (auto& [close_time, candles] : by_close)
    if (close_time / kHour % 2 == 0) std::ranges::reverse(candles);
  return by_close;
}

class ModelHostTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    all_ = new std::vector<CandleSeries>(market_candles());
    files_ = new std::vector<ModelFile>(trained(*all_));
  }
  static void TearDownTestSuite() {
    delete all_;
    delete files_;
  }
  // Replays, calling forecast() every `every` instants until `live_from`, at every one from then on.
  static std::vector<ModelForecast> replay(std::size_t every, UnixMillis live_from, std::size_t threads) {
    ModelHost host = ModelHost::make(*files_, threads).value();
    std::vector<ModelForecast> made;
    std::size_t count = 0;
    for (const auto& [close_time, candles] : instants(*all_)) {
      host.advance(close_time, candles);
      if (++count % every != 0 && close_time < live_from) continue;
      for (ModelForecast& forecast : host.forecast())
        if (close_time >= live_from) made.push_back(std::move(forecast));
    }
    return made;
  }
  static std::vector<CandleSeries>* all_;
  static std::vector<ModelFile>* files_;
};
std::vector<CandleSeries>* ModelHostTest::all_ = nullptr;
std::vector<ModelFile>* ModelHostTest::files_ = nullptr;

// What `mop predict` and `mop evaluate` compute from all candles at once, replayed in blocks and live.
class BatchTest : public ModelHostTest, public testing::WithParamInterface<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Every, BatchTest, testing::Values(1, ModelHost::kReplayRows));

TEST_P(BatchTest, ForecastsAreThoseOfTheBatchDigitForDigit) {
  const UnixMillis from = all_->front().close_time(1090 * 4);
  const auto live = replay(GetParam(), from, 2);
  const dataset::Markets markets(*all_);
  std::size_t compared = 0;
  for (std::size_t m = 0; m < files_->size(); ++m) {
    const train::TrainedModel& model = (*files_)[m].model;
    const auto series = series_for(*all_, model);
    train::Forecaster forecaster = train::Forecaster::make(model, series, &markets).value();
    for (std::size_t head = 0; head < forecaster.heads(); ++head) {
      const auto batch = evaluate::live_forecasts(forecaster, head, 0.01, from + 1, INT64_MAX);
      const auto baselines =
          evaluate::forecast_baselines(model.branches[head].baselines, batch.outcomes).value();
      std::size_t row = 0;
      for (const ModelForecast& f : live) {
        if (f.model != m || f.head != head) continue;
        ASSERT_LT(row, batch.rows.size());
        ASSERT_EQ(f.as_of, batch.outcomes.close_time[row]);
        const std::size_t H = batch.forecasts.horizon, L = batch.forecasts.levels.size();
        const auto z = std::span(batch.forecasts.z).subspan(row * H * L, H * L);
        ASSERT_TRUE(std::ranges::equal(f.z, z)) << model.id() << " row " << row;
        EXPECT_EQ(f.p_up[1], batch.forecasts.p_up[row * H + 1]);
        EXPECT_EQ(f.log_range, batch.forecasts.log_range[row]);
        EXPECT_EQ(f.sigma, batch.outcomes.sigma[row]);
        EXPECT_EQ(f.close, batch.outcomes.close[row]);
        EXPECT_EQ(f.har_log_range, baselines.har.log_range[row]);
        const double har = f.har_scale[1] * model.branches[head].baselines.har_residual[L + 2];
        EXPECT_EQ(har, baselines.har.quantiles(row, 1)[2]);
        ++row;
      }
      EXPECT_EQ(row, batch.rows.size()) << model.id();
      EXPECT_GT(row, 0u) << model.id() << ": not even after the hole";
      compared += row;
    }
  }
  EXPECT_EQ(compared, 4u * (30 + 120));
}

TEST_F(ModelHostTest, HowOftenItIsAskedAndOnHowManyThreadsChangesNothing) {
  const UnixMillis from = all_->front().close_time(1115 * 4);
  const auto often = replay(1, from, 1), seldom = replay(100, from, 3);
  ASSERT_EQ(often.size(), seldom.size());
  ASSERT_GT(often.size(), 0u);
  for (std::size_t i = 0; i < often.size(); ++i) {
    EXPECT_EQ(often[i].z, seldom[i].z);
    EXPECT_EQ(often[i].input_hash, seldom[i].input_hash);
  }
}

TEST_F(ModelHostTest, NamesTheSeriesItNeedsInTheirOrder) {
  const ModelHost host = ModelHost::make(*files_, 1).value();
  const std::vector<store::SeriesKey> wanted{{"BTCUSDT", Interval::k15m},
                                             {"ETHUSDT", Interval::k15m},
                                             {"SOLUSDT", Interval::k15m},
                                             {"BTCUSDT", Interval::k1h},
                                             {"ETHUSDT", Interval::k1h},
                                             {"SOLUSDT", Interval::k1h}};
  EXPECT_EQ(host.series(), wanted);
  EXPECT_EQ(host.models(), 6u);
}

// At the close of an hour every series is forecast, after a hole those that have enough candles behind it.
TEST_F(ModelHostTest, TheInputHashTellsWhatWasRead) {
  const UnixMillis from = all_->front().close_time(1119 * 4 + 2);
  const auto live = replay(ModelHost::kReplayRows, from, 1);
  std::map<std::string, int> hashes;
  for (const ModelForecast& f : live)
    ++hashes[f.input_hash];
  for (const auto& [hash, count] : hashes) {
    EXPECT_EQ(hash.size(), 64u);
    EXPECT_LE(count, 2) << "the two heads of a unified model read the same, no others do";
  }
}

}  // namespace
}  // namespace mop::serve
