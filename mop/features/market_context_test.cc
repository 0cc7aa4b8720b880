#include "mop/features/market_context.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mop/features/model_inputs.h"
#include "mop/features/sigma.h"
#include "mop/features/test_series.h"

namespace mop::features {
namespace {

using market::CandleSeries;
using market::Interval;

CandleSeries coin(const std::string& symbol, std::uint64_t seed) {
  CandleSeries series = testing::tick_market(seed, 300, Interval::k1h);
  series.symbol = symbol;
  return series;
}

double log_return(const CandleSeries& series, std::size_t t) {
  return std::log(series.close[t] / series.close[t - 1]);
}

TEST(MarketContextTest, IsBtcAndTheMeanOfTheCoinsThatTraded) {
  const CandleSeries btc = coin("BTCUSDT", 1), late = coin("ETHUSDT", 2).slice(100, 300);
  const MarketContext market(std::vector{late, btc});
  const MarketMove before = market.at(btc.close_time(100)), after = market.at(btc.close_time(101));
  EXPECT_EQ(before.mean, log_return(btc, 100));  // the other coin has no return yet
  EXPECT_NEAR(after.mean, 0.5 * (log_return(btc, 101) + log_return(late, 1)), 1e-15);
  EXPECT_NEAR(after.btc_in_sigma, log_return(btc, 101) / compute_sigma(btc)[101], 1e-12);
}

TEST(MarketContextTest, DoesNotMoveWhereNothingIsKnown) {
  const CandleSeries btc = coin("BTCUSDT", 1), other = coin("ETHUSDT", 2);
  const MarketContext market(std::vector{other.slice(10, 200)});
  for (const UnixMillis t :
       {btc.close_time(0), btc.close_time(10), btc.close_time(200), btc.close_time(50) + 1}) {
    EXPECT_FALSE(market.at(t).known) << t;
    EXPECT_EQ(market.at(t).mean, 0.0) << t;
  }
  EXPECT_TRUE(market.at(btc.close_time(50)).known);
  EXPECT_EQ(market.at(btc.close_time(50)).btc_in_sigma, 0.0);
  EXPECT_FALSE(MarketContext({}).at(0).known);
}

TEST(MarketContextTest, AReturnAcrossAHoleCountsForNothing) {
  CandleSeries btc = coin("BTCUSDT", 1);
  const UnixMillis after_hole = btc.close_time(151);
  btc.open_time.erase(btc.open_time.begin() + 150);
  for (auto* column : {&btc.open, &btc.high, &btc.low, &btc.close, &btc.volume})
    column->erase(column->begin() + 150);
  const MarketContext market(std::vector{btc});
  EXPECT_FALSE(market.at(after_hole).known);
  EXPECT_TRUE(market.at(after_hole + market::length_of(Interval::k1h)).known);
}

TEST(MarketContextTest, LaterCandlesOfAnyCoinChangeNothingBefore) {
  const CandleSeries btc = coin("BTCUSDT", 1), other = coin("ETHUSDT", 2);
  const MarketContext full(std::vector{btc, other}), cut(std::vector{btc.slice(0, 200), other.slice(0, 200)});
  for (std::size_t t = 0; t < 200; ++t) {
    const MarketMove a = full.at(btc.close_time(t)), b = cut.at(btc.close_time(t));
    EXPECT_TRUE(testing::same_bits(a.btc_in_sigma, b.btc_in_sigma)) << t;
    EXPECT_TRUE(testing::same_bits(a.mean_in_sigma, b.mean_in_sigma)) << t;
    EXPECT_TRUE(testing::same_bits(a.mean, b.mean)) << t;
  }
}

TEST(MarketContextTest, EntersTheInputsAtTheSameClose) {
  const CandleSeries btc = coin("BTCUSDT", 1), other = coin("ETHUSDT", 2);
  const MarketContext market(std::vector{btc, other});
  const FeatureMatrix inputs = compute_model_input_columns(other, {}, &market).value();
  const std::vector<double> sigma = compute_sigma(other);
  for (const std::size_t t : {30u, 150u, 299u}) {
    const MarketMove move = market.at(other.close_time(t));
    EXPECT_EQ(inputs.column("btc_return")[t], move.btc_in_sigma);
    EXPECT_EQ(inputs.column("market_return")[t], move.mean_in_sigma);
    EXPECT_NEAR(inputs.column("relative_return")[t], (log_return(other, t) - move.mean) / sigma[t], 1e-9);
    const MarketMove before = market.at(other.close_time(t - 1));
    EXPECT_EQ(inputs.column("btc_return_1_back")[t], before.btc_in_sigma);
    EXPECT_EQ(inputs.column("market_return_1_back")[t], before.mean_in_sigma);
  }
}

// What a live market is fed close by close: a coin that begins late, one with a hole, hours without any coin.
TEST(MarketStateTest, EqualsTheBatchBitForBit) {
  const CandleSeries btc = coin("BTCUSDT", 1);
  const std::vector<CandleSeries> coins{
      market::splice(coin("ETHUSDT", 2).slice(20, 90), coin("ETHUSDT", 2).slice(95, 300)),
      market::splice(btc.slice(0, 92), btc.slice(94, 300))};
  const MarketContext batch(coins);
  MarketState live(Interval::k1h);
  for (std::size_t t = 0; t < btc.size(); ++t) {
    MarketReturns returns;
    for (const CandleSeries& series : coins) {
      const std::size_t i = series.lower_bound(btc.open_time[t]);
      if (i == 0 || i == series.size() || series.open_time[i] != btc.open_time[t]) continue;
      if (series.open_time[i - 1] == btc.open_time[t - 1]) returns.add(series.symbol, log_return(series, i));
    }
    const MarketMove a = live.push(returns), b = batch.at(btc.close_time(t));
    ASSERT_EQ(a.known, b.known) << t;
    ASSERT_TRUE(testing::same_bits(a.btc_in_sigma, b.btc_in_sigma)) << t;
    ASSERT_TRUE(testing::same_bits(a.mean_in_sigma, b.mean_in_sigma)) << t;
    ASSERT_TRUE(testing::same_bits(a.mean, b.mean)) << t;
  }
}

}  // namespace
}  // namespace mop::features
