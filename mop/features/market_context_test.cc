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
  }
}

}  // namespace
}  // namespace mop::features
