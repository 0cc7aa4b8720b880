// Values worked by hand, and what each indicator does where its formula divides by zero.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mop/features/adx.h"
#include "mop/features/atr.h"
#include "mop/features/bollinger.h"
#include "mop/features/change.h"
#include "mop/features/cmf.h"
#include "mop/features/ema.h"
#include "mop/features/hl2.h"
#include "mop/features/keltner.h"
#include "mop/features/macd.h"
#include "mop/features/mfi.h"
#include "mop/features/momentum.h"
#include "mop/features/obv.h"
#include "mop/features/roc.h"
#include "mop/features/rsi.h"
#include "mop/features/sigma.h"
#include "mop/features/sma.h"
#include "mop/features/stochastic.h"
#include "mop/features/vpt.h"

namespace mop::features {
namespace {

TEST(SmaTest, IsTheMeanOfTheLastValues) {
  Sma sma = Sma::make(2).value();
  EXPECT_FALSE(sma.push(1.0));
  EXPECT_EQ(sma.push(3.0), 2.0);
  EXPECT_EQ(sma.push(5.0), 4.0);
}

TEST(EmaTest, StartsAsTheMeanOfTheFirstValues) {
  Ema ema = Ema::make(3).value();
  EXPECT_FALSE(ema.push(1.0));
  EXPECT_FALSE(ema.push(2.0));
  EXPECT_EQ(ema.push(6.0), 3.0);
  EXPECT_EQ(ema.push(5.0), 4.0);  // 3 + (5 - 3) * 2 / 4
}

// Changes +1 +1 -1 with n = 2: G = 1 then 0.5, L = 0 then 0.5.
TEST(RsiTest, MatchesHandWorkedExample) {
  Rsi rsi = Rsi::make(2).value();
  EXPECT_FALSE(rsi.push(10.0));
  EXPECT_FALSE(rsi.push(11.0));
  EXPECT_EQ(rsi.push(12.0), 100.0);
  EXPECT_EQ(rsi.push(11.0), 50.0);
}

TEST(RsiTest, FlatHistoryGivesTheFlatValue) {
  Rsi as_talib = Rsi::make(2).value();
  Rsi neutral = Rsi::make(2, 50.0).value();
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(as_talib.push(7.0));
    EXPECT_FALSE(neutral.push(7.0));
  }
  EXPECT_EQ(as_talib.push(7.0), 0.0);
  EXPECT_EQ(neutral.push(7.0), 50.0);
}

TEST(RsiTest, TinyMovesAreMoves) {
  Rsi rsi = Rsi::make(2).value();
  rsi.push(1e-8);
  rsi.push(1e-8 + 1e-15);
  EXPECT_EQ(rsi.push(1e-8 + 2e-15), 100.0);
}

// On a ramp both averages lag (n - 1) / 2 candles behind from their seed on: the line is 12.5 - 5.5 at once.
TEST(MacdTest, OnARampTheLineIsTheDifferenceOfTheLags) {
  Macd macd = Macd::make(12, 26, 9).value();
  for (int t = 0; t < 33; ++t)
    EXPECT_FALSE(macd.push(t));
  for (int t = 33; t < 60; ++t) {
    const auto value = macd.push(t);
    ASSERT_TRUE(value);
    EXPECT_NEAR(value->line, 7.0, 1e-12);
    EXPECT_NEAR(value->signal, 7.0, 1e-12);
    EXPECT_NEAR(value->histogram, 0.0, 1e-12);
  }
}

// Range over two candles 8..12, close 11: fast = 75; then 9..12, close 9: fast = 0; k = their mean.
TEST(StochasticTest, MatchesHandWorkedExample) {
  Stochastic stochastic = Stochastic::make(2, 2, 1).value();
  EXPECT_FALSE(stochastic.push(10.0, 8.0, 9.0));
  EXPECT_FALSE(stochastic.push(12.0, 9.0, 11.0));
  const auto value = stochastic.push(11.0, 9.0, 9.0);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->k, 37.5);
  EXPECT_EQ(value->d, 37.5);
}

TEST(StochasticTest, RangeOfZeroGivesTheFlatValue) {
  Stochastic as_talib = Stochastic::make(1, 1, 1).value();
  Stochastic neutral = Stochastic::make(1, 1, 1, 50.0).value();
  EXPECT_EQ(as_talib.push(5.0, 5.0, 5.0)->k, 0.0);
  EXPECT_EQ(neutral.push(5.0, 5.0, 5.0)->k, 50.0);
}

TEST(RocTest, IsThePercentageChange) {
  Roc roc = Roc::make(2).value();
  EXPECT_FALSE(roc.push(10.0));
  EXPECT_FALSE(roc.push(99.0));
  EXPECT_EQ(roc.push(15.0), 50.0);
}

TEST(MomentumTest, IsTheDifference) {
  Momentum momentum = Momentum::make(2).value();
  EXPECT_FALSE(momentum.push(10.0));
  EXPECT_FALSE(momentum.push(99.0));
  EXPECT_EQ(momentum.push(15.0), 5.0);
}

TEST(BollingerTest, MatchesHandWorkedExample) {
  Bollinger bollinger = Bollinger::make(2, 2.0).value();
  EXPECT_FALSE(bollinger.push(1.0));
  const auto bands = bollinger.push(3.0);  // mean 2, population sd 1
  ASSERT_TRUE(bands);
  EXPECT_EQ(bands->upper, 4.0);
  EXPECT_EQ(bands->middle, 2.0);
  EXPECT_EQ(bands->lower, 0.0);
  EXPECT_EQ(bands->width, 4.0);
  EXPECT_EQ(bands->percent_b, 0.75);
}

TEST(BollingerTest, EqualClosesHaveNoWidthAndLieInTheMiddle) {
  Bollinger bollinger = Bollinger::make(20, 2.0).value();
  for (int i = 0; i < 19; ++i)
    EXPECT_FALSE(bollinger.push(0.1));
  const auto bands = bollinger.push(0.1);
  ASSERT_TRUE(bands);
  EXPECT_EQ(bands->width, 0.0);
  EXPECT_EQ(bands->percent_b, 0.5);
}

TEST(BollingerTest, CoinsPricedNearZeroKeepTheirWidth) {
  Bollinger bollinger = Bollinger::make(20, 2.0).value();
  std::optional<BollingerValue> bands;
  for (int i = 0; i < 20; ++i)
    bands = bollinger.push(i % 2 == 0 ? 1.00e-5 : 1.01e-5);
  ASSERT_TRUE(bands);
  EXPECT_NEAR(bands->width, 4.0 * 0.005e-5, 1e-18);  // variance 2.5e-15
}

// True ranges 2, then 14 - 10 = 4, then |12 - 13| = 1; the first candle has none.
TEST(AtrTest, MatchesHandWorkedExample) {
  Atr atr = Atr::make(2).value();
  EXPECT_FALSE(atr.push(10.0, 8.0, 9.0));
  EXPECT_FALSE(atr.push(11.0, 9.0, 10.0));
  const auto seed = atr.push(14.0, 10.0, 13.0);
  ASSERT_TRUE(seed);
  EXPECT_EQ(seed->atr, 3.0);
  EXPECT_EQ(seed->natr, 100.0 * (3.0 / 13.0));
  EXPECT_EQ(atr.push(13.0, 12.0, 12.0)->atr, 2.0);
}

TEST(AdxTest, PureTrendIsAHundred) {
  Adx adx = Adx::make(3).value();
  std::optional<AdxValue> value;
  for (int t = 0; t < 12; ++t) {
    value = adx.push(t + 2.0, t + 1.0, t + 2.0);  // each candle begins where the last one closed
    EXPECT_EQ(value.has_value(), t >= 3) << t;
    EXPECT_EQ(value && value->adx, t >= 5) << t;
  }
  EXPECT_NEAR(value->di_plus, 100.0, 1e-12);
  EXPECT_EQ(value->di_minus, 0.0);
  EXPECT_NEAR(*value->adx, 100.0, 1e-12);
}

TEST(AdxTest, NoRangeGivesZeroAndLaterKeepsTheTrend) {
  Adx flat = Adx::make(2).value();
  std::optional<AdxValue> value;
  for (int t = 0; t < 6; ++t)
    value = flat.push(5.0, 5.0, 5.0);
  ASSERT_TRUE(value && value->adx);
  EXPECT_EQ(value->di_plus, 0.0);
  EXPECT_EQ(value->di_minus, 0.0);
  EXPECT_EQ(*value->adx, 0.0);
}

TEST(AdxTest, EqualMovesUpAndDownCountForNeither) {
  Adx adx = Adx::make(2).value();
  std::optional<AdxValue> value;
  for (int t = 0; t < 5; ++t)
    value = adx.push(10.0 + t, 10.0 - t, 10.0);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->di_plus, 0.0);
  EXPECT_EQ(value->di_minus, 0.0);
}

TEST(AdxTest, ATieToleranceIgnoresTheLastBit) {
  Adx exact = Adx::make(2).value();
  Adx tolerant = Adx::make(2, 1e-12).value();
  std::optional<AdxValue> a, b;
  // 0.3 - 0.2 and 0.2 - 0.1 are equal in decimals and not as doubles.
  for (const auto& [high, low] : std::vector<std::pair<double, double>>{{0.2, 0.2}, {0.3, 0.1}, {0.4, 0.0}}) {
    a = exact.push(high, low, 0.2);
    b = tolerant.push(high, low, 0.2);
  }
  ASSERT_TRUE(a && b);
  EXPECT_GT(a->di_plus + a->di_minus, 1.0);
  EXPECT_EQ(b->di_plus + b->di_minus, 0.0);
}

TEST(KeltnerTest, BandsAreTwoTrueRangesFromTheAverage) {
  Keltner keltner = Keltner::make(3, 2, 2.0).value();
  std::optional<KeltnerValue> value;
  for (int t = 0; t < 5; ++t)
    value = keltner.push(11.0, 9.0, 10.0);  // true range 2
  ASSERT_TRUE(value);
  EXPECT_EQ(value->upper, 14.0);
  EXPECT_EQ(value->middle, 10.0);
  EXPECT_EQ(value->lower, 6.0);
}

TEST(ObvTest, AddsOnRisesAndSubtractsOnFalls) {
  Obv obv;
  EXPECT_EQ(obv.push(10.0, 1.0), 1.0);
  EXPECT_EQ(obv.push(11.0, 2.0), 3.0);
  EXPECT_EQ(obv.push(11.0, 3.0), 3.0);
  EXPECT_EQ(obv.push(9.0, 4.0), -1.0);
}

// Multipliers +1 (close at the high) with volume 1 and -0.5 with volume 3: (1 - 1.5) / 4.
TEST(CmfTest, MatchesHandWorkedExample) {
  Cmf cmf = Cmf::make(2).value();
  EXPECT_FALSE(cmf.push(12.0, 8.0, 12.0, 1.0));
  EXPECT_EQ(cmf.push(12.0, 8.0, 9.0, 3.0), -0.125);
}

TEST(CmfTest, NoRangeAndNoVolumeGiveZero) {
  Cmf no_range = Cmf::make(1).value();
  EXPECT_EQ(no_range.push(5.0, 5.0, 5.0, 9.0), 0.0);
  Cmf no_volume = Cmf::make(1).value();
  EXPECT_EQ(no_volume.push(6.0, 4.0, 6.0, 0.0), 0.0);
}

// Typical prices 10, 20, 10: flows +20 * 1, then -10 * 6.
TEST(MfiTest, MatchesHandWorkedExample) {
  Mfi mfi = Mfi::make(2).value();
  EXPECT_FALSE(mfi.push(10.0, 10.0, 10.0, 5.0));
  EXPECT_FALSE(mfi.push(20.0, 20.0, 20.0, 1.0));
  EXPECT_EQ(mfi.push(10.0, 10.0, 10.0, 6.0), 25.0);
}

TEST(MfiTest, NoFlowGivesTheFlatValue) {
  Mfi as_talib = Mfi::make(2).value();
  Mfi neutral = Mfi::make(2, {.tie = 0.0, .flat_value = 50.0}).value();
  std::optional<double> a, b;
  for (const double price : {1.0, 2.0, 3.0}) {
    a = as_talib.push(price, price, price, 0.0);
    b = neutral.push(price, price, price, 0.0);
  }
  EXPECT_EQ(a, 0.0);
  EXPECT_EQ(b, 50.0);
}

TEST(VptTest, AddsVolumeTimesFractionalChange) {
  Vpt vpt;
  EXPECT_EQ(vpt.push(10.0, 5.0), 0.0);
  EXPECT_EQ(vpt.push(15.0, 4.0), 2.0);
}

TEST(ChangeTest, IsAFractionAndZeroAfterZero) {
  Change change;
  EXPECT_FALSE(change.push(2.0));
  EXPECT_EQ(change.push(3.0), 0.5);
  EXPECT_EQ(change.push(0.0), -1.0);
  EXPECT_EQ(change.push(8.0), 0.0);
}

TEST(Hl2Test, IsTheMiddleOfTheRange) {
  EXPECT_EQ(hl2(12.0, 9.0), 10.5);
}

// Returns ln 2, ln 2, 0 with span 2: variance ln2^2, then ln2^2 / 3.
TEST(EwmaVolatilityTest, MatchesHandWorkedExample) {
  EwmaVolatility volatility = EwmaVolatility::make(2).value();
  EXPECT_FALSE(volatility.push(1.0));
  EXPECT_FALSE(volatility.push(2.0));
  EXPECT_DOUBLE_EQ(volatility.push(4.0).value(), std::log(2.0));
  EXPECT_DOUBLE_EQ(volatility.push(4.0).value(), std::log(2.0) / std::sqrt(3.0));
}

// The jump over a hole is nobody's candle: ln 2, ln 2, hole, ln 2 gives ln2^2 throughout.
TEST(EwmaVolatilityTest, AHoleIsNoReturn) {
  EwmaVolatility volatility = EwmaVolatility::make(2).value();
  for (const double close : {1.0, 2.0, 4.0})
    volatility.push(close);
  volatility.skip_hole();
  EXPECT_DOUBLE_EQ(volatility.push(1000.0).value(), std::log(2.0));
  EXPECT_DOUBLE_EQ(volatility.push(2000.0).value(), std::log(2.0));
}

TEST(EwmaVolatilityTest, AHoleBeforeItIsWarmLeavesItCold) {
  EwmaVolatility volatility = EwmaVolatility::make(2).value();
  volatility.push(1.0);
  volatility.push(2.0);
  volatility.skip_hole();
  EXPECT_FALSE(volatility.push(8.0));
  EXPECT_DOUBLE_EQ(volatility.push(16.0).value(), std::log(2.0));
}

TEST(EwmaVolatilityTest, ConstantPricesGiveTheFloor) {
  EwmaVolatility volatility = EwmaVolatility::make(2).value();
  volatility.push(3.0);
  volatility.push(3.0);
  EXPECT_EQ(volatility.push(3.0), kMinSigma);
}

template <typename T>
std::string message(const Result<T>& result) {
  return result ? "" : result.error().message;
}

TEST(PeriodTest, OutOfRangeIsAnErrorThatNamesTheRule) {
  EXPECT_EQ(message(Rsi::make(1)), "RSI period must be 2..1000 candles, was 1");
  EXPECT_EQ(message(Sma::make(0)), "SMA period must be 1..1000 candles, was 0");
  EXPECT_EQ(message(Ema::make(1001)), "EMA period must be 1..1000 candles, was 1001");
  EXPECT_EQ(message(Macd::make(26, 12, 9)), "MACD fast period must be below its slow period 12, was 26");
  EXPECT_EQ(message(Bollinger::make(20, 0.0)),
            "Bollinger band distance must be above 0 standard deviations, was 0");
  EXPECT_EQ(Keltner::make(20, 14, -1.0).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(Stochastic::make(0, 3, 3));
  EXPECT_FALSE(Roc::make(0));
  EXPECT_FALSE(Momentum::make(0));
  EXPECT_FALSE(Atr::make(1));
  EXPECT_FALSE(Adx::make(1));
  EXPECT_FALSE(Cmf::make(0));
  EXPECT_FALSE(Mfi::make(1));
  EXPECT_FALSE(EwmaVolatility::make(1));
}

}  // namespace
}  // namespace mop::features
