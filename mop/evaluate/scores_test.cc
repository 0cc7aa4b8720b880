#include "mop/evaluate/scores.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "mop/base/rng.h"
#include "mop/evaluate/pool.h"
#include "mop/evaluate/test_outcomes.h"

namespace mop::evaluate {
namespace {

BaselineForecasts baselines_for(const TestMarket& market) {
  const auto fitted = fit_baselines(market.fit, test_levels());
  EXPECT_TRUE(fitted.has_value()) << fitted.error().message;
  return forecast_baselines(*fitted, market.scored).value();
}

ScoredSeries score_oracle(const TestMarket& market) {
  return score_series(market.scored, oracle_forecasts(market), baselines_for(market), "1h").value();
}

// Two candles, three levels, worked by hand below.
struct Tiny {
  Outcomes outcomes;
  Forecasts model;
  BaselineForecasts baselines;
};

Forecasts tiny_forecasts(std::string name, std::vector<double> z) {
  Forecasts f;
  f.name = std::move(name);
  f.horizon = 1;
  f.levels = {0.25, 0.5, 0.75};
  f.z = std::move(z);
  f.p_up = {0.6, 0.4};
  return f;
}

Tiny make_tiny() {
  Tiny tiny;
  Outcomes& o = tiny.outcomes;
  o.symbol = "TESTUSDT";
  o.tick_size = 0.5;
  o.close_time = {kHour - 1, 2 * kHour - 1};
  o.close = {100.0, 200.0};
  o.sigma = {0.01, 0.02};
  o.horizon = 1;
  o.y = {0.02, 0.0};
  tiny.model = tiny_forecasts("model", {0, 1, 2, -1, 0, 1});
  tiny.baselines.fixed = tiny_forecasts("static", {-2, 0, 2, -2, 0, 2});
  tiny.baselines.ewma = tiny_forecasts("ewma", {-1, 0, 1, -1, 0, 1});
  tiny.baselines.har = tiny.baselines.ewma;
  tiny.baselines.spike_threshold = std::numeric_limits<double>::quiet_NaN();
  return tiny;
}

TEST(ScoresTest, HandWorkedExample) {
  const Tiny tiny = make_tiny();
  const auto s = score_series(tiny.outcomes, tiny.model, tiny.baselines, "1h").value().scores;
  EXPECT_EQ(s.n, 2u);
  // z is 2 and 0. Row 0: (0.25 * 2 + 0.5 * 1 + 0) / 3; row 1: (0.25 * 1 + 0 + 0.25 * 1) / 3.
  EXPECT_DOUBLE_EQ(s.pinball, (1.0 / 3.0 + 0.5 / 3.0) / 2.0);
  // EWMA, row 0: (0.25 * 3 + 0.5 * 2 + 0.75 * 1) / 3.
  EXPECT_DOUBLE_EQ(s.pinball_ewma, (2.5 / 3.0 + 0.5 / 3.0) / 2.0);
  EXPECT_DOUBLE_EQ(s.skill_vs_ewma_pct, 50.0);
  EXPECT_DOUBLE_EQ(s.mae_ratio, 0.5);  // |0.02 - 0.01| over |0.02|
  EXPECT_NEAR(s.mape_pct, 50.0 * (1.0 - std::exp(-0.01)), 1e-12);
  EXPECT_NEAR(s.mape_persistence_pct, 50.0 * (1.0 - std::exp(-0.02)), 1e-12);
  EXPECT_DOUBLE_EQ(s.mape_tick_floor_pct, 100.0 * (0.5 / 100.0 + 0.5 / 200.0) / 2.0);
  // Moves are 0.02 and 0, on average 0.01: both said to rise by it.
  EXPECT_NEAR(s.mape_direction_oracle_pct, 50.0 * (std::exp(0.01) - std::exp(-0.01)), 1e-12);
  EXPECT_DOUBLE_EQ(s.rmse_z, std::sqrt(0.5));
  EXPECT_NEAR(s.rmse, 100.0 * (std::exp(0.02) - std::exp(0.01)) / std::sqrt(2.0), 1e-9);
  EXPECT_DOUBLE_EQ(s.coverage.c50, 1.0);    // 2 lies on the upper bound 2: bounds count as inside
  EXPECT_TRUE(std::isnan(s.coverage.c90));  // its levels are not forecast
  EXPECT_EQ(s.direction_n, 1u);             // 2.02 is four ticks, 0 is no move
  EXPECT_DOUBLE_EQ(s.direction_accuracy, 1.0);
  EXPECT_EQ(s.calibration[1].observed, 0.5);  // median: 2 > 1, but 0 <= 0
}

// 300 hours are twelve and a half days: from the end of training on one week and a piece of the second.
TEST(ScoresTest, WeeksSinceTrainingHoldEveryForecastOnce) {
  const TestMarket market = make_test_market(31, 300, 300);
  Forecasts model = oracle_forecasts(market);
  EXPECT_TRUE(score_series(market.scored, model, baselines_for(market), "1h").value().scores.ages.empty());
  model.trained_until = market.scored.close_time.front() - kHour;
  const auto s = score_series(market.scored, model, baselines_for(market), "1h").value().scores;
  ASSERT_EQ(s.ages.size(), 2u);
  EXPECT_EQ(s.ages[0].week, 0u);
  EXPECT_EQ(s.ages[0].n, 7u * 24u - 1u);  // an hour old at the first
  EXPECT_EQ(s.ages[0].n + s.ages[1].n, s.n);
  const double both = s.ages[0].pinball * static_cast<double>(s.ages[0].n) +
                      s.ages[1].pinball * static_cast<double>(s.ages[1].n);
  EXPECT_NEAR(both / static_cast<double>(s.n), s.pinball, 1e-12);
}

TEST(ScoresTest, MovesOfTwoTicksOrLessSayNothingAboutDirection) {
  Tiny tiny = make_tiny();
  tiny.outcomes.y = {std::log(101.0 / 100.0), std::log(198.5 / 200.0)};  // 2 ticks, 3 ticks
  const auto s = score_series(tiny.outcomes, tiny.model, tiny.baselines, "1h").value().scores;
  EXPECT_EQ(s.direction_n, 1u);
  EXPECT_DOUBLE_EQ(s.direction_accuracy, 1.0);  // P(up) 0.4 and it fell
}

TEST(ScoresTest, WhoKnowsTheVolatilityIsCalibratedAndBeatsEveryBaseline) {
  const auto s = score_oracle(make_test_market(21, 5000, 5000)).scores;
  EXPECT_GT(s.skill_vs_har_pct, 0.0);
  EXPECT_GT(s.skill_vs_ewma_pct, s.skill_vs_har_pct);
  EXPECT_GT(s.skill_vs_static_pct, s.skill_vs_ewma_pct);
  EXPECT_LT(s.dm_p_vs_ewma, 0.001);
  EXPECT_LT(s.dm_p_vs_har, 0.05);
  EXPECT_NEAR(s.coverage.c50, 0.5, 0.015);
  EXPECT_NEAR(s.coverage.c80, 0.8, 0.015);
  EXPECT_NEAR(s.coverage.c90, 0.9, 0.015);
  EXPECT_NEAR(s.coverage.c95, 0.95, 0.015);
  EXPECT_NEAR(s.coverage.c90_top_vol_decile, 0.9, 0.04);
  EXPECT_GT(s.log_range_r2, s.log_range_r2_har);
  EXPECT_GT(s.spike_auc, 0.7);
  for (const std::size_t count : s.pit)
    EXPECT_NEAR(static_cast<double>(count) / 5000.0, 0.05, 0.015);
  for (const CalibrationPoint& p : s.calibration)
    EXPECT_NEAR(p.observed, p.level, 0.02);
}

// The market's direction is a coin toss, and no score may find anything in it.
TEST(ScoresTest, NoDirectionIsFoundWhereThereIsNone) {
  const auto s = score_oracle(make_test_market(22, 2000, 4000)).scores;
  EXPECT_LT(s.direction_ci95.lo, 0.5);
  EXPECT_GT(s.direction_ci95.hi, 0.5);
  EXPECT_DOUBLE_EQ(s.mae_ratio, 1.0);  // its median is the last close
  EXPECT_NEAR(s.direction_reversal, 0.5, 0.03);
}

TEST(ScoresTest, TheOrderOfRowsChangesNothing) {
  const TestMarket market = make_test_market(23, 800, 600);
  const auto fitted = fit_baselines(market.fit, test_levels()).value();
  const Forecasts model = oracle_forecasts(market);
  const auto straight =
      score_series(market.scored, model, forecast_baselines(fitted, market.scored).value(), "1h");
  std::vector<std::size_t> order(market.scored.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(1, 2);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[rng.below(i)]);
  const Outcomes mixed = permuted(market.scored, order);
  const auto shuffled =
      score_series(mixed, permuted(model, order), forecast_baselines(fitted, mixed).value(), "1h");
  const SeriesScores &a = straight->scores, &b = shuffled->scores;
  EXPECT_EQ(a.pinball, b.pinball);
  EXPECT_EQ(a.pinball_har, b.pinball_har);
  EXPECT_EQ(a.mape_pct, b.mape_pct);
  EXPECT_EQ(a.dm_p_vs_har, b.dm_p_vs_har);
  EXPECT_EQ(a.coverage.c90_top_vol_decile, b.coverage.c90_top_vol_decile);
  EXPECT_EQ(a.log_range_r2, b.log_range_r2);
  EXPECT_EQ(a.steps[2].pinball, b.steps[2].pinball);
}

TEST(ScoresTest, CandlesWithoutATargetAreLeftOutAndCounted) {
  TestMarket market = make_test_market(24, 800, 400);
  const auto full = score_oracle(market).scores;
  EXPECT_EQ(full.n, 399u);  // the newest candle has no next one
  EXPECT_EQ(full.n_unknown, 1u);
  EXPECT_EQ(full.steps[2].n, 397u);
  for (std::size_t row = 10; row < 20; ++row) {
    for (std::size_t step = 0; step < 3; ++step)
      market.scored.y[row * 3 + step] = kUnknown;
    market.scored.next_log_range[row] = kUnknown;
  }
  const auto holed = score_oracle(market).scores;
  EXPECT_EQ(holed.n, 389u);
  EXPECT_EQ(holed.n_unknown, 11u);
  EXPECT_TRUE(std::isfinite(holed.pinball) && std::isfinite(holed.log_range_r2) &&
              std::isfinite(holed.spike_auc));
}

TEST(ScoresTest, ABaselineScoredAgainstItselfHasNoSkillAndNoP) {
  const TestMarket market = make_test_market(25, 800, 400);
  const auto baselines = baselines_for(market);
  const auto s = score_series(market.scored, baselines.har, baselines, "1h").value().scores;
  EXPECT_EQ(s.skill_vs_har_pct, 0.0);
  EXPECT_TRUE(std::isnan(s.dm_p_vs_har));
  EXPECT_EQ(s.champion, "har");
}

TEST(ScoresTest, ADivergedOrCrossingForecastIsRefusedByName) {
  const TestMarket market = make_test_market(26, 300, 50);
  const auto baselines = baselines_for(market);
  for (const double bad : {kUnknown, 1e9}) {
    Forecasts model = oracle_forecasts(market);
    model.z[5 * 3 * 9 + 2] = bad;
    const auto refused = score_series(market.scored, model, baselines, "1h");
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("'oracle'"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("row 5 step 1"), std::string::npos) << refused.error().message;
  }
}

TEST(ScoresTest, NothingKnownIsAnError) {
  Tiny tiny = make_tiny();
  tiny.outcomes.y = {kUnknown, kUnknown};
  EXPECT_FALSE(score_series(tiny.outcomes, tiny.model, tiny.baselines, "1h").has_value());
}

TEST(PoolTest, EachCandleWeighsTheSame) {
  const std::vector<ScoredSeries> both{score_oracle(make_test_market(31, 800, 300)),
                                       score_oracle(make_test_market(32, 800, 900))};
  const auto pooled = pool(both, {}).value();
  const SeriesScores &a = both[0].scores, &b = both[1].scores;
  EXPECT_EQ(pooled.n, a.n + b.n);
  const double na = static_cast<double>(a.n), nb = static_cast<double>(b.n);
  EXPECT_NEAR(pooled.pinball, (na * a.pinball + nb * b.pinball) / (na + nb), 1e-12);
  EXPECT_NEAR(pooled.coverage.c90, (na * a.coverage.c90 + nb * b.coverage.c90) / (na + nb), 1e-12);
  EXPECT_NEAR(pooled.mape_pct, (na * a.mape_pct + nb * b.mape_pct) / (na + nb), 1e-12);
  EXPECT_TRUE(std::isnan(pooled.rmse));
  EXPECT_EQ(pooled.champion, "oracle");
  EXPECT_EQ(pooled.symbol, "pooled");
}

// Ten copies of one coin hold no more evidence than the coin itself, though they hold ten times the candles.
TEST(PoolTest, CoinsThatMoveTogetherDoNotNarrowTheInterval) {
  const ScoredSeries one = score_oracle(make_test_market(33, 800, 2400));
  const std::vector<ScoredSeries> alone{one}, copies(10, one);
  const auto a = pool(alone, {}).value(), b = pool(copies, {}).value();
  EXPECT_NEAR(b.direction_ci95.hi - b.direction_ci95.lo, a.direction_ci95.hi - a.direction_ci95.lo, 1e-9);
  EXPECT_NEAR(a.dm_p_vs_ewma, b.dm_p_vs_ewma, 1e-9);
  EXPECT_NEAR(a.dm_p_vs_ewma, one.scores.dm_p_vs_ewma, 1e-12);
  const Bounds wilson = one.scores.direction_ci95;  // independent moves: bootstrap and Wilson nearly agree
  EXPECT_NEAR(a.direction_ci95.lo, wilson.lo, 0.01);
  EXPECT_NEAR(a.direction_ci95.hi, wilson.hi, 0.01);
  EXPECT_LT(a.skill_vs_ewma_ci95.lo, a.skill_vs_ewma_pct);
  EXPECT_GT(a.skill_vs_ewma_ci95.hi, a.skill_vs_ewma_pct);
}

TEST(PoolTest, SameSeedSameInterval) {
  const std::vector<ScoredSeries> series{score_oracle(make_test_market(34, 800, 600))};
  const auto a = pool(series, {500, 7}).value(), b = pool(series, {500, 7}).value(),
             c = pool(series, {500, 8}).value();
  EXPECT_EQ(a.direction_ci95.lo, b.direction_ci95.lo);
  EXPECT_NE(a.skill_vs_har_ci95.lo, c.skill_vs_har_ci95.lo);
}

// Six coins whose forecast medians know this share of what comes, the rest of them being noise.
SeriesScores pool_of_guesses(double known) {
  std::vector<ScoredSeries> series;
  for (std::uint64_t seed = 40; seed < 46; ++seed) {
    const TestMarket market = make_test_market(seed, 300, 600);
    Forecasts model = oracle_forecasts(market);
    Rng rng(seed, 9);
    for (std::size_t row = 0; row < market.scored.size(); ++row) {
      const double y = market.scored.target(row, 0);
      if (!std::isfinite(y)) continue;
      const double guess = known * y / market.scored.sigma[row] + (1.0 - known) * rng.normal();
      for (std::size_t l = 0; l < 9; ++l)
        model.z[row * 27 + l] += 0.5 * guess;
    }
    series.push_back(score_series(market.scored, model, baselines_for(market), "1h").value());
  }
  return pool(series, {}).value();
}

TEST(PoolTest, RankIcFindsAForecastOfWhoGainsMost) {
  EXPECT_GT(pool_of_guesses(1.0).rank_ic, 0.9);
  const SeriesScores some = pool_of_guesses(0.1), none = pool_of_guesses(0.0);
  EXPECT_GT(some.rank_ic_ci95.lo, 0.0);
  EXPECT_LT(some.rank_ic_ci95.hi, 0.3);
  EXPECT_LT(none.rank_ic_ci95.lo, 0.0);
  EXPECT_GT(none.rank_ic_ci95.hi, 0.0);
  EXPECT_TRUE(none.rank_ic_ci95.lo < none.rank_ic && none.rank_ic < none.rank_ic_ci95.hi);
}

TEST(PoolTest, MixedTimeframesAreRefused) {
  std::vector<ScoredSeries> series(2, score_oracle(make_test_market(35, 300, 100)));
  series[1].scores.interval = market::Interval::k15m;
  EXPECT_FALSE(pool(series, {}).has_value());
  EXPECT_FALSE(pool({}, {}).has_value());
}

}  // namespace
}  // namespace mop::evaluate
