#include "mop/sim/recorded_market.h"

#include <gtest/gtest.h>

namespace mop::sim {
namespace {

using market::Candle;
using market::Decimal;
using market::Interval;

constexpr UnixMillis kStart = 1'751'328'000'000;  // 2025-07-01

Candle candle(int hour, const char* open, const char* close, const char* volume) {
  Candle c;
  c.open_time = kStart + hour * kHour;
  c.close_time = c.open_time + kHour - 1;
  c.open = Decimal::parse(open).value();
  c.close = Decimal::parse(close).value();
  c.high = Decimal::parse("30").value();
  c.low = Decimal::parse("1").value();
  c.volume = Decimal::parse(volume).value();
  return c;
}

RecordedMarket three_hours() {
  return RecordedMarket(
      {{"BTCUSDT",
        Interval::k1h,
        {candle(0, "10", "12.50", "8"), candle(1, "12", "20.5", "8"), candle(3, "20", "10", "1")}}});
}

TEST(RecordedMarketTest, ServesClosedCandlesUntouchedAndKeepsHoles) {
  RecordedMarket m = three_hours();
  const auto got = m.candles("BTCUSDT", Interval::k1h, {}, kStart + kDay);
  ASSERT_TRUE(got.has_value());
  ASSERT_EQ(got->size(), 3u);
  EXPECT_EQ((*got)[0].close.text(), "12.50");
  EXPECT_EQ((*got)[2].open_time, kStart + 3 * kHour) << "hour 2 was never traded";
  EXPECT_EQ(m.last_close_time(), kStart + 4 * kHour - 1);
}

TEST(RecordedMarketTest, TheFutureIsHiddenAndTheRunningCandleMoves) {
  RecordedMarket m = three_hours();
  const auto got = m.candles("BTCUSDT", Interval::k1h, {}, kStart + kHour + 30 * kMinute);
  ASSERT_EQ(got->size(), 2u);
  const Candle& running = got->back();
  EXPECT_EQ(running.open.text(), "12");
  EXPECT_NEAR(running.close.value(), 16.25, 0.06);
  EXPECT_EQ(running.high, running.close);
  EXPECT_EQ(running.low, running.open);
  EXPECT_EQ(running.volume.text(), "4");
  EXPECT_TRUE(market::validate(running, Interval::k1h).has_value());
}

TEST(RecordedMarketTest, WindowsCountFromTheAskedEnd) {
  RecordedMarket m = three_hours();
  const auto opens = [&](const CandleWindow& window) {
    std::vector<std::int64_t> hours;
    const auto got = m.candles("BTCUSDT", Interval::k1h, window, kStart + kDay);
    for (const Candle& c : *got) {
      hours.push_back((c.open_time - kStart) / kHour);
    }
    return hours;
  };
  EXPECT_EQ(opens({0, kStart + kDay, 2, false}), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(opens({0, kStart + kDay, 2, true}), (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(opens({kStart + 1, kStart + 3 * kHour, 9, false}), (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(opens({kStart, kStart + 3 * kHour - 1, 9, false}), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(opens({kStart + 5 * kHour, kStart + 4 * kHour, 9, false}), (std::vector<std::int64_t>{}));
}

TEST(RecordedMarketTest, KnowsItsSymbolsOnly) {
  RecordedMarket m = three_hours();
  ASSERT_EQ(m.listings(kStart).size(), 1u);
  EXPECT_TRUE(m.listings(kStart).front().trading);
  EXPECT_EQ(m.candles("ETHUSDT", Interval::k1h, {}, kStart).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(m.candles("BTCUSDT", Interval::k15m, {}, kStart)->empty());
  RecordedMarket dead({{"XMRUSDT", Interval::k1h, {}}});
  EXPECT_FALSE(dead.listings(kStart).front().trading) << "delisted in 2024";
}

}  // namespace
}  // namespace mop::sim
