#include "mop/serve/close_gate.h"

#include <gtest/gtest.h>

namespace mop::serve {
namespace {

using market::Interval;
using Offered = CloseGate::Offered;

constexpr UnixMillis kNine = 1751360400000 - 1;  // 2025-07-01 09:00, the close of an hour
constexpr DurationMillis kQuarter = 15 * kMinute;
const store::SeriesKey kBtc{"BTCUSDT", Interval::k15m}, kEth{"ETHUSDT", Interval::k15m},
    kBtcHour{"BTCUSDT", Interval::k1h};

LiveCandle candle(const store::SeriesKey& series, UnixMillis close_time) {
  return {series, {close_time, 1.0, 1.0, 1.0, 1.0, 1.0}};
}

CloseGate gate() {
  CloseGate g(3 * kSecond);
  for (const auto& series : {kBtc, kEth, kBtcHour})
    g.add(series, kNine);
  return g;
}

TEST(CloseGateTest, ACloseIsDueWhenItsLastCandleCame) {
  CloseGate g = gate();
  const UnixMillis at = kNine + kQuarter;
  EXPECT_EQ(g.offer(candle(kBtc, at)), Offered::kTaken);
  EXPECT_FALSE(g.due(at + 1));
  EXPECT_EQ(g.offer(candle(kEth, at)), Offered::kTaken);
  const auto close = g.due(at + 1).value();
  EXPECT_EQ(close.close_time, at);
  EXPECT_EQ(close.candles.size(), 2u);
  EXPECT_TRUE(close.absent.empty());
  EXPECT_FALSE(g.due(at + 1));
}

TEST(CloseGateTest, AtTheEndOfAnHourItsCandleIsWaitedForToo) {
  CloseGate g = gate();
  for (int quarter = 1; quarter <= 4; ++quarter) {
    for (const auto& series : {kBtc, kEth})
      g.offer(candle(series, kNine + quarter * kQuarter));
  }
  const UnixMillis ten = kNine + kHour;
  for (int quarter = 1; quarter <= 3; ++quarter)
    EXPECT_EQ(g.due(ten + 1)->close_time, kNine + quarter * kQuarter);
  EXPECT_FALSE(g.due(ten + 1));
  g.offer(candle(kBtcHour, ten));
  EXPECT_EQ(g.due(ten + 1)->candles.size(), 3u);
}

TEST(CloseGateTest, AnAbsentCandleIsWantedAfterTheGraceAndThenDoneWithout) {
  CloseGate g = gate();
  const UnixMillis at = kNine + kQuarter;
  g.offer(candle(kBtc, at));
  EXPECT_TRUE(g.overdue(at + 3 * kSecond).empty());
  ASSERT_EQ(g.overdue(at + 3 * kSecond + 1).size(), 1u);
  EXPECT_EQ(g.overdue(at + 3 * kSecond + 1)[0], kEth);
  EXPECT_FALSE(g.due(at + 6 * kSecond));
  const auto close = g.due(at + 6 * kSecond + 1).value();
  ASSERT_EQ(close.absent.size(), 1u);
  EXPECT_EQ(close.absent[0], kEth);
  EXPECT_FALSE(g.trades(kEth));
  // Nobody waits for it the next time.
  g.offer(candle(kBtc, at + kQuarter));
  EXPECT_TRUE(g.due(at + kQuarter + 1)->absent.empty());
}

TEST(CloseGateTest, WhileCandlesAreHopedForTheCloseWaits) {
  CloseGate g = gate();
  const UnixMillis at = kNine + kQuarter;
  g.offer(candle(kBtc, at));
  EXPECT_FALSE(g.due(at + kHour, true));
  g.offer(candle(kEth, at));
  EXPECT_TRUE(g.due(at + kHour, true));
}

TEST(CloseGateTest, ACandleBehindItsInstantIsLateAndOneGivenTwiceIsKnown) {
  CloseGate g = gate();
  const UnixMillis at = kNine + kQuarter;
  g.offer(candle(kBtc, at));
  ASSERT_TRUE(g.due(at + 7 * kSecond));
  EXPECT_EQ(g.offer(candle(kEth, at)), Offered::kLate);
  EXPECT_EQ(g.offer(candle(kBtc, at)), Offered::kKnown);
  EXPECT_EQ(g.offer(candle({"XRPUSDT", Interval::k15m}, at)), Offered::kKnown);
}

// Candles of an outage that come all at once are due one instant after the other, none is passed over.
TEST(CloseGateTest, AnOutageIsCaughtUpWithInstantByInstant) {
  CloseGate g = gate();
  for (int quarter = 3; quarter >= 1; --quarter) {
    for (const auto& series : {kBtc, kEth})
      g.offer(candle(series, kNine + quarter * kQuarter));
  }
  const UnixMillis now = kNine + 3 * kQuarter + kMinute;
  for (int quarter = 1; quarter <= 3; ++quarter)
    EXPECT_EQ(g.due(now)->close_time, kNine + quarter * kQuarter);
  EXPECT_FALSE(g.due(now));
  EXPECT_EQ(g.done(), kNine + 3 * kQuarter);
}

// Whoever traded before the exchange stood still is waited for when it comes back, else all would be late.
TEST(CloseGateTest, AfterAnOutageEverybodyIsWaitedForAgain) {
  CloseGate g = gate();
  for (int quarter = 1; quarter <= 3; ++quarter) {
    const auto close = g.due(kNine + quarter * kQuarter + 7 * kSecond).value();
    EXPECT_TRUE(close.candles.empty());
    EXPECT_EQ(close.absent.size(), 2u);
  }
  const UnixMillis ten = kNine + kHour;
  g.offer(candle(kBtc, ten));
  EXPECT_FALSE(g.due(ten + kSecond));
  g.offer(candle(kEth, ten));
  EXPECT_FALSE(g.due(ten + kSecond));
  g.offer(candle(kBtcHour, ten));
  EXPECT_EQ(g.due(ten + kSecond)->candles.size(), 3u);
}

TEST(CloseGateTest, ACoinThatEndedLongAgoIsNotWaitedFor) {
  CloseGate g = gate();
  g.add({"XMRUSDT", Interval::k15m}, kNine - 300 * kDay);
  for (const auto& series : {kBtc, kEth})
    g.offer(candle(series, kNine + kQuarter));
  EXPECT_TRUE(g.due(kNine + kQuarter + 1)->absent.empty());
}

TEST(CloseGateTest, NothingIsDueBeforeItsTime) {
  CloseGate g = gate();
  for (const auto& series : {kBtc, kEth})
    g.offer(candle(series, kNine + kQuarter));
  EXPECT_FALSE(g.due(kNine + kQuarter));
}

}  // namespace
}  // namespace mop::serve
