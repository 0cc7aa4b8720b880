#include "mop/serve/model_host.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "mop/evaluate/baselines.h"
#include "mop/evaluate/conformal.h"
#include "mop/serve/test_models.h"
#include "mop/train/forecaster.h"

namespace mop::serve {
namespace {

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
  static ModelHost host_of_files(std::size_t threads) {
    ModelHost host(threads);
    for (const ModelFile& file : *files_)
      EXPECT_TRUE(host.add(file));
    return host;
  }
  // Replays, calling forecast() every `every` instants until `live_from`, at every one from then on, and
  // warm_up() after every `warm`th of them; 0: never.
  static std::vector<ModelForecast> replay(std::size_t every, UnixMillis live_from, std::size_t threads,
                                           std::size_t warm = 0) {
    ModelHost host = host_of_files(threads);
    return replay(host, every, live_from, warm);
  }
  static std::vector<ModelForecast> replay(ModelHost& host, std::size_t every, UnixMillis live_from,
                                           std::size_t warm = 0) {
    std::vector<ModelForecast> made;
    std::size_t count = 0;
    for (const auto& [close_time, candles] : instants(*all_)) {
      host.advance(close_time, candles);
      if (++count % every != 0 && close_time < live_from) continue;
      for (ModelForecast& forecast : host.forecast())
        if (close_time >= live_from) made.push_back(std::move(forecast));
      if (warm > 0 && count % warm == 0) host.warm_up();
    }
    return made;
  }
  static std::vector<CandleSeries>* all_;
  static std::vector<ModelFile>* files_;
};
std::vector<CandleSeries>* ModelHostTest::all_ = nullptr;
std::vector<ModelFile>* ModelHostTest::files_ = nullptr;

// What `mop predict` and `mop evaluate` compute from all candles at once, replayed in blocks and live.
using Pace = std::pair<std::size_t, std::size_t>;  // of forecast() and of warm_up()
class BatchTest : public ModelHostTest, public testing::WithParamInterface<Pace> {};
INSTANTIATE_TEST_SUITE_P(Every, BatchTest,
                         testing::Values(Pace(1, 0), Pace(ModelHost::kReplayRows, 0),
                                         Pace(ModelHost::kReplayRows, 1), Pace(ModelHost::kReplayRows, 3)));

TEST_P(BatchTest, ForecastsAreThoseOfTheBatchDigitForDigit) {
  const UnixMillis from = all_->front().close_time(1090 * 4);
  const auto live = replay(GetParam().first, from, 2, GetParam().second);
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

void expect_same(const std::vector<ModelForecast>& a, const std::vector<ModelForecast>& b) {
  ASSERT_EQ(a.size(), b.size());
  ASSERT_GT(a.size(), 0u);
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].z, b[i].z);
    EXPECT_EQ(a[i].ewma.z, b[i].ewma.z);
    EXPECT_EQ(a[i].ewma.p_up, b[i].ewma.p_up);
    EXPECT_EQ(a[i].har.z, b[i].har.z);
    EXPECT_EQ(a[i].har.p_up, b[i].har.p_up);
    EXPECT_EQ(a[i].input_hash, b[i].input_hash);
  }
}

// From the first candle after the model's own calibration, with nothing learnt by then.
TEST_F(ModelHostTest, BaselinesLearnFromEveryRowSinceTheTraining) {
  const UnixMillis from = all_->front().close_time(1115 * 4);
  const auto live = replay(1, from, 2);
  const dataset::Markets markets(*all_);
  for (std::size_t m = 0; m < files_->size(); ++m) {
    const train::TrainedModel& model = (*files_)[m].model;
    train::Forecaster forecaster = train::Forecaster::make(model, series_for(*all_, model), &markets).value();
    for (std::size_t head = 0; head < forecaster.heads(); ++head) {
      const train::BranchModel& branch = model.branches[head];
      const auto rows = evaluate::forecast_rows(forecaster, head, branch.calibration.until + 2, INT64_MAX);
      const auto outcomes = evaluate::outcomes_of(forecaster.series(head), rows, 0.01, INT64_MAX);
      auto [fixed, ewma, har, reversal, threshold] =
          evaluate::forecast_baselines(branch.baselines, outcomes).value();
      const evaluate::Forecasts fitted = har;
      for (evaluate::Forecasts* f : {&ewma, &har}) {
        train::Calibration start{{}, branch.calibration.borders, branch.calibration.until};
        evaluate::AdaptiveConformal(f->levels, f->horizon, start).run(outcomes, *f);
      }
      for (const ModelForecast& f : live) {
        if (f.model != m || f.head != head) continue;
        const auto found = std::ranges::find(outcomes.close_time, f.as_of);
        ASSERT_NE(found, outcomes.close_time.end());
        const auto row = static_cast<std::size_t>(found - outcomes.close_time.begin());
        const std::size_t H = har.horizon, HL = H * har.levels.size();
        EXPECT_TRUE(std::ranges::equal(f.ewma.z, std::span(ewma.z).subspan(row * HL, HL)));
        EXPECT_TRUE(std::ranges::equal(f.har.z, std::span(har.z).subspan(row * HL, HL)));
        EXPECT_TRUE(std::ranges::equal(f.ewma.p_up, std::span(ewma.p_up).subspan(row * H, H)));
        EXPECT_TRUE(std::ranges::equal(f.har.p_up, std::span(har.p_up).subspan(row * H, H)));
        EXPECT_NE(f.har.z[0], fitted.quantiles(row, 0)[0]) << "nothing was learnt";
      }
    }
  }
}

TEST_F(ModelHostTest, HowOftenItIsAskedAndOnHowManyThreadsChangesNothing) {
  const UnixMillis from = all_->front().close_time(1115 * 4);
  expect_same(replay(1, from, 1), replay(97, from, 3));  // no block ends at the hole
}

TEST_F(ModelHostTest, AfterARestartItSaysTheSameAgain) {
  const UnixMillis from = all_->front().close_time(1115 * 4);
  ModelHost host = host_of_files(2);
  const auto first = replay(host, ModelHost::kReplayRows, from, 1);
  EXPECT_EQ(host.restart(0), 0);
  expect_same(first, replay(host, ModelHost::kReplayRows, from, 1));
}

TEST_F(ModelHostTest, WhatWasLearntBeforeTheChangeIsKeptAndItSaysTheSame) {
  const UnixMillis from = all_->front().close_time(1115 * 4);
  ModelHost host = host_of_files(2);
  const auto first = replay(host, ModelHost::kReplayRows, from, 1);
  const UnixMillis changed = all_->front().close_time(1100 * 4);
  const UnixMillis kept = host.restart(changed);
  EXPECT_GT(kept, changed - 4 * kDay);
  EXPECT_LT(kept, changed);
  expect_same(first, replay(host, ModelHost::kReplayRows, from, 1));
  EXPECT_EQ(host.restart(all_->front().close_time(900 * 4)), 0) << "nothing is kept from before that";
  expect_same(first, replay(host, ModelHost::kReplayRows, from, 1));
}

TEST_F(ModelHostTest, NamesTheSeriesItNeedsInTheirOrder) {
  const ModelHost host = host_of_files(1);
  const std::vector<store::SeriesKey> wanted{{"BTCUSDT", Interval::k15m}, {"ETHUSDT", Interval::k15m},
                                             {"SOLUSDT", Interval::k15m}, {"BTCUSDT", Interval::k1h},
                                             {"ETHUSDT", Interval::k1h},  {"SOLUSDT", Interval::k1h}};
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
