// Each canary passes on the honest pipeline and fails when its leak is planted in the candles it is handed.
#include "mop/app/market_canaries.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include <gtest/gtest.h>

namespace mop::app {
namespace {

// A network small enough to train in a moment.
MarketCanaryOptions small_options() {
  MarketCanaryOptions options;
  options.profile = train::default_profile();
  options.profile.hidden = 16;
  options.profile.layers = 1;
  options.profile.lookback = 24;
  options.profile.horizon = 1;
  options.threads = 2;
  options.walks = 4;
  options.walk_candles = 2000;
  options.shuffled_candles = 2500;
  options.planted_coins = 6;
  options.planted_candles = 9000;
  options.noise_free_candles = 2500;
  return options;
}

// The candle that still trades is stored as if it had closed: its range already reaches the next close.
void store_open_candle(market::CandleSeries& s) {
  for (std::size_t t = 0; t + 1 < s.size(); ++t) {
    s.high[t] = std::max(s.high[t], s.close[t + 1]);
    s.low[t] = std::min(s.low[t], s.close[t + 1]);
  }
}

using CanaryOf = Result<evaluate::Canary> (*)(const MarketCanaryOptions&);

evaluate::Canary honest(CanaryOf canary) {
  return canary(small_options()).value();
}

evaluate::Canary leaking(CanaryOf canary) {
  MarketCanaryOptions options = small_options();
  options.deliver = store_open_candle;
  return canary(options).value();
}

// So slow a rate that the network stays where it started, at the EWMA baseline.
evaluate::Canary untrained(CanaryOf canary) {
  MarketCanaryOptions options = small_options();
  options.profile.learning_rate = 1e-12;
  return canary(options).value();
}

TEST(ShuffledTargetsTest, NoSkillRemainsUnlessACandleKnowsTheNext) {
  const evaluate::Canary good = honest(shuffled_targets), bad = leaking(shuffled_targets);
  EXPECT_TRUE(good.passed) << good.figure;
  EXPECT_FALSE(bad.passed) << bad.figure;
  EXPECT_GT(bad.figure, 5.0);
}

TEST(RandomWalksTest, ShowNoEdgeUnlessACandleKnowsTheNext) {
  const evaluate::Canary good = honest(random_walks), bad = leaking(random_walks);
  EXPECT_TRUE(good.passed) << good.figure;
  EXPECT_FALSE(bad.passed);
  EXPECT_EQ(bad.figure, 1.0);
}

TEST(PlantedMarketTest, TheSignalIsFound) {
  const evaluate::Canary good = honest(planted_market);
  EXPECT_TRUE(good.passed) << good.figure;
  EXPECT_LT(good.figure, 1.0);  // nothing honest is better than the truth
}

TEST(PlantedMarketTest, ANetworkThatLearnsNothingIsCaught) {
  const evaluate::Canary bad = untrained(planted_market);
  EXPECT_FALSE(bad.passed);
  EXPECT_LT(bad.figure, 0.3);
}

// More than can be known honestly is no success.
TEST(PlantedMarketTest, AnEdgeOverTheTruthIsCaught) {
  const evaluate::Canary bad = leaking(planted_market);
  EXPECT_FALSE(bad.passed);
  EXPECT_GT(bad.figure, 1.0);
}

TEST(NoiseFreeMarketTest, APriceWithoutNoiseIsForecastToThePercentOfAMove) {
  MarketCanaryOptions options = small_options();
  options.profile.hidden = 32;
  options.noise_free_candles = 12000;
  const evaluate::Canary good = noise_free_market(options).value();
  EXPECT_TRUE(good.passed) << good.figure;
}

// Prices rounded to a hundredth of a percent, a thirteenth of the usual move. Unrounded, the same training
// gives 0.0011 %.
TEST(NoiseFreeMarketTest, PricesThatLoseDigitsOnTheWayAreCaught) {
  MarketCanaryOptions options = small_options();
  options.noise_free_candles = 12000;
  options.deliver = [](market::CandleSeries& s) {
    for (auto* column : {&s.open, &s.high, &s.low, &s.close}) {
      for (double& price : *column)
        price = std::round(price / 6.5) * 6.5;
    }
  };
  const evaluate::Canary bad = noise_free_market(options).value();
  EXPECT_FALSE(bad.passed);
  EXPECT_GT(bad.figure, 0.0025);
}

TEST(MarketCanariesTest, ComeInTheirOrderAndReportEachMarket) {
  MarketCanaryOptions options = small_options();
  options.walks = 2;
  options.walk_candles = options.shuffled_candles = options.planted_candles = options.noise_free_candles =
      700;
  options.planted_coins = 1;
  options.profile.hidden = 2;
  std::atomic<std::size_t> done{0};
  options.done = [&](std::string_view) { ++done; };
  const auto canaries = market_canaries(options).value();
  ASSERT_EQ(canaries.size(), 4u);
  EXPECT_EQ(canaries[0].name, "shuffled_targets");
  EXPECT_EQ(canaries[1].name, "random_walks");
  EXPECT_EQ(canaries[2].name, "planted_market");
  EXPECT_EQ(canaries[3].name, "noise_free_market");
  EXPECT_EQ(done, options.markets());
}

}  // namespace
}  // namespace mop::app
