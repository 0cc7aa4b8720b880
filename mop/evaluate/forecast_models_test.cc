#include "mop/evaluate/forecast_models.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include <gtest/gtest.h>

#include "mop/evaluate/canaries.h"
#include "mop/evaluate/conformal.h"
#include "mop/train/test_candles.h"

namespace mop::evaluate {
namespace {

using train::Kind;

std::vector<market::CandleSeries> past_of(const std::vector<market::CandleSeries>& series, UnixMillis until) {
  std::vector<market::CandleSeries> cut;
  for (const auto& s : series)
    cut.push_back(s.closing_in(INT64_MIN, until));
  return cut;
}

// Trained on the first three quarters of the candles that are scored with.
struct Case {
  explicit Case(Kind kind) : series(train::small_job(kind).coins[0].series) {
    split = series[0].close_time(series[0].size() * 3 / 4);
    train::TrainJob job = train::small_job(kind);
    job.coins[0].series = past_of(series, split);
    model = train::train_first(job);
  }
  std::vector<market::CandleSeries> series;
  UnixMillis split = 0;
  train::TrainedModel model;
};

TEST(OutcomesTest, NothingThatClosesAtOrAfterTheLimitIsKnown) {
  const Case c(Kind::k1h);
  train::Forecaster forecaster = train::Forecaster::make(c.model, c.series).value();
  const auto rows = forecast_rows(forecaster, 0, INT64_MIN, INT64_MAX);
  const dataset::SeriesData& data = forecaster.series(0);
  const Outcomes outcomes = outcomes_of(data, rows, 0.01, c.split);
  std::size_t known = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t step = 0; step < outcomes.horizon; ++step) {
      const bool closes_before =
          data.close_time[rows[i]] + static_cast<DurationMillis>(step + 1) * kHour < c.split;
      ASSERT_EQ(std::isfinite(outcomes.target(i, step)), closes_before) << i << " " << step;
      known += static_cast<std::size_t>(closes_before);
    }
    ASSERT_EQ(std::isfinite(outcomes.next_log_range[i]), data.close_time[rows[i]] + kHour < c.split);
  }
  EXPECT_GT(known, 100u);
}

TEST(ForecastRowsTest, TheFirstScoredCandleEndsAtTheSplit) {
  const Case c(Kind::k15m);
  const train::Forecaster forecaster = train::Forecaster::make(c.model, c.series).value();
  const UnixMillis split = c.split + 1;  // candles end one millisecond after their close time
  const auto before = forecast_rows(forecaster, 0, INT64_MIN, split);
  const auto scored = forecast_rows(forecaster, 0, split, INT64_MAX);
  EXPECT_EQ(before.back() + 1, scored.front());
  EXPECT_EQ(forecaster.series(0).close_time[scored.front()] + 1, split);
}

TEST(LiveForecastsTest, ThreadsChangeNothingAndEveryRowIsTold) {
  const Case c(Kind::k15m);
  train::TrainedModel old = c.model;  // long ago trained: more rows to go through than a thread takes at once
  old.branches[0].calibration.until = 0;
  const train::Forecaster forecaster = train::Forecaster::make(old, c.series).value();
  const UnixMillis last = c.series[0].close_time(c.series[0].size() - 1);
  std::atomic<std::size_t> told = 0, total = 0;
  const auto tell = [&](std::size_t done, std::size_t of) {
    told = std::max<std::size_t>(told, done);
    total = of;
  };
  const LiveForecasts one = live_forecasts(forecaster, 0, 0.01, last - 20 * kHour, INT64_MAX);
  const LiveForecasts three = live_forecasts(forecaster, 0, 0.01, last - 20 * kHour, INT64_MAX, {3, tell});
  ASSERT_GT(total, 2048u);
  EXPECT_EQ(told, total);
  EXPECT_EQ(one.rows.size(), 81u);
  EXPECT_EQ(one.rows, three.rows);
  EXPECT_EQ(one.forecasts.z, three.forecasts.z);
  EXPECT_EQ(one.forecasts.log_range, three.forecasts.log_range);

  // And parts are put together as if all rows had been forecast in one go.
  const train::BranchModel& branch = old.branches[0];
  const auto rows = forecast_rows(forecaster, 0, branch.calibration.until + 2, INT64_MAX);
  train::ForecastWorkspace workspace;
  Forecasts whole = forecasts_of(forecaster, 0, rows, workspace);
  AdaptiveConformal(branch.head.levels, branch.head.horizon, branch.calibration)
      .run(outcomes_of(forecaster.series(0), rows, 0.01, INT64_MAX), whole);
  ASSERT_GE(whole.z.size(), one.forecasts.z.size());
  EXPECT_TRUE(std::equal(one.forecasts.z.rbegin(), one.forecasts.z.rend(), whole.z.rbegin()));
}

class CanaryTest : public testing::TestWithParam<Kind> {};

TEST_P(CanaryTest, AnHonestModelPasses) {
  const Case c(GetParam());
  const Canary future = future_invariance(c.model, {c.series, {}}).value();
  EXPECT_TRUE(future.passed) << future.figure;
  const Canary fit_only = fit_only_statistics(c.model, {c.series, {}}).value();
  EXPECT_TRUE(fit_only.passed) << fit_only.figure;
  const Canary stream = batch_equals_stream(c.model, {c.series, {}}).value();
  EXPECT_TRUE(stream.passed) << stream.figure;
}

TEST(FutureInvarianceTest, OneTimeframeMayEndLongBeforeTheOther) {
  const Case c(Kind::kUnified);
  std::vector<market::CandleSeries> series = c.series;
  market::CandleSeries& hours = series[1];
  const std::size_t known = hours.size();
  for (std::size_t i = 0; i < kRecentCandles + 100; ++i) {  // hours go on, quarter hours do not
    hours.open_time.push_back(hours.open_time.back() + kHour);
    for (auto* column : {&hours.open, &hours.high, &hours.low, &hours.close, &hours.volume})
      column->push_back((*column)[i % known]);
  }
  const auto canary = future_invariance(c.model, {series, {}});
  ASSERT_TRUE(canary.has_value()) << canary.error().message;
  EXPECT_TRUE(canary->passed) << canary->figure;
}

TEST_P(CanaryTest, AScalerThatSawTheScoredCandlesIsCaught) {
  Case c(GetParam());
  const train::Forecaster all = train::Forecaster::make(c.model, c.series).value();
  for (std::size_t head = 0; head < all.heads(); ++head) {
    c.model.branches[head].scaler = dataset::fit_scaler(all.series(head), all.series(head).rows());
  }
  EXPECT_FALSE(fit_only_statistics(c.model, {c.series, {}}).value().passed);
}

// Reads each candle with the volume of the one after it.
Result<train::Forecaster> read_ahead(const train::TrainedModel& model, const CanaryCandles& candles) {
  std::vector<market::CandleSeries> ahead(candles.series.begin(), candles.series.end());
  for (market::CandleSeries& s : ahead)
    std::rotate(s.volume.begin(), s.volume.begin() + 1, s.volume.end());
  return train::Forecaster::make(model, ahead);
}

// Reads one volume a millionth larger.
Result<train::Forecaster> read_revised(const train::TrainedModel& model, const CanaryCandles& candles) {
  std::vector<market::CandleSeries> revised(candles.series.begin(), candles.series.end());
  revised[0].volume[revised[0].size() - 2] *= 1.0 + 1e-6;
  return train::Forecaster::make(model, revised);
}

TEST_P(CanaryTest, InputsThatLookACandleAheadAreCaught) {
  const Case c(GetParam());
  EXPECT_FALSE(future_invariance(c.model, {c.series, {}}, read_ahead).value().passed);
  EXPECT_FALSE(batch_equals_stream(c.model, {c.series, {}}, read_ahead).value().passed);
}

TEST_P(CanaryTest, InputsOfOtherCandlesThanTheLiveOnesAreCaught) {
  const Case c(GetParam());
  const Canary canary = batch_equals_stream(c.model, {c.series, {}}, read_revised).value();
  EXPECT_FALSE(canary.passed);
  EXPECT_GT(canary.figure, 0.0);
}

// The market's inputs are streamed too, over coins that begin late and have holes.
TEST(MarketCanaryTest, TheLiveMarketGivesTheSameBitsAndALaterOneIsCaught) {
  train::TrainJob job = train::small_job(Kind::k1h);
  const market::CandleSeries own = job.coins[0].series[0];
  market::CandleSeries other = train::swinging(market::Interval::k1h, 900, 12).slice(100, 900);
  other.symbol = "ETHUSDT";
  for (auto* column : {&other.open, &other.high, &other.low, &other.close, &other.volume})
    column->erase(column->begin() + 300, column->begin() + 305);
  other.open_time.erase(other.open_time.begin() + 300, other.open_time.begin() + 305);
  const std::vector<market::CandleSeries> coins{own, other};
  const dataset::Markets markets(coins);
  job.markets = &markets;
  job.market_coins = {"BTCUSDT", "ETHUSDT"};
  const train::TrainedModel model = train::train_first(job);
  const Canary honest = batch_equals_stream(model, {job.coins[0].series, coins}).value();
  EXPECT_TRUE(honest.passed) << honest.figure;

  // The other coin's closes, known an hour early.
  const auto read_early = [&](const train::TrainedModel& m, const CanaryCandles& candles) {
    auto early = coins;
    std::rotate(early[1].close.begin(), early[1].close.begin() + 1, early[1].close.end());
    const dataset::Markets market(early);
    return train::Forecaster::make(m, candles.series, &market);
  };
  EXPECT_FALSE(batch_equals_stream(model, {job.coins[0].series, coins}, read_early).value().passed);
}

INSTANTIATE_TEST_SUITE_P(Kinds, CanaryTest, testing::Values(Kind::k15m, Kind::k1h, Kind::kUnified),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

TEST(ChampionTest, IsTheSmallestValidationLoss) {
  Case c(Kind::kUnified);
  ASSERT_TRUE(score_validation(c.model, past_of(c.series, c.split), nullptr, 0.01));
  c.model.branches[0].validation.n = kFewestForChampion;  // the small job validates few hours
  c.model.branches[1].validation.n = kFewestForChampion;
  train::TrainedModel* const models[] = {&c.model};
  name_champions(models);
  for (const train::BranchModel& b : c.model.branches) {
    const double best = std::min({b.validation.pinball, b.validation.ewma, b.validation.har});
    EXPECT_GT(best, 0.0);
    EXPECT_EQ(b.champion == "model", b.validation.pinball == best) << b.champion;
    EXPECT_EQ(b.champion == "har", b.validation.har == best) << b.champion;
  }
}

TEST(ChampionTest, ACoinWithTooFewForecastsTakesWhatDidBestOverAll) {
  std::vector<train::TrainedModel> models(3);
  const auto give = [&](std::size_t i, std::size_t n, double model, double ewma, double har) {
    models[i].branches.resize(1);
    models[i].branches[0].validation = {0, 1, n, model, ewma, har};
  };
  give(0, 9000, 0.24, 0.26, 0.25);
  give(1, 1000, 0.27, 0.28, 0.26);
  give(2, 0, std::nan(""), std::nan(""), std::nan(""));
  models[1].branches[0].folds = {{0, 1, 0, 0.0, 0.0, 0.0}, {0, 1, 4000, 0.27, 0.28, 0.265}};
  train::TrainedModel* const all[] = {&models[0], &models[1], &models[2]};
  name_champions(all);
  EXPECT_EQ(models[0].branches[0].champion, "model");
  EXPECT_EQ(models[1].branches[0].champion, "har");
  EXPECT_EQ(models[2].branches[0].champion, "model");
  EXPECT_NEAR(models[1].branches[0].all_blocks().har, (0.26 + 4 * 0.265) / 5, 1e-12);
}

}  // namespace
}  // namespace mop::evaluate
