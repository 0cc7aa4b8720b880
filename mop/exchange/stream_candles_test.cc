#include "mop/exchange/stream_candles.h"

#include <gtest/gtest.h>

#include "mop/exchange/kline_text.h"

namespace mop::exchange {
namespace {

using market::Interval;

constexpr DurationMillis kQuarter = 15 * kMinute;
constexpr UnixMillis kOpen = 1'751'328'000'000;  // 2025-07-01 00:00

class StreamCandlesTest : public testing::Test {
 protected:
  StreamNews read(const std::string& text) {
    auto news = candles.read(text, 77);
    EXPECT_TRUE(news.has_value()) << news.error().message;
    return news.value_or(StreamNews{});
  }
  bool gives_closed(UnixMillis open_time) {
    const auto news = read(kline_text("BTCUSDT", Interval::k15m, open_time, true, open_time + kQuarter + 3));
    EXPECT_TRUE(news.kline);
    return news.candle.has_value();
  }
  bool gives_open(UnixMillis open_time, UnixMillis event_time) {
    return read(kline_text("BTCUSDT", Interval::k15m, open_time, false, event_time)).candle.has_value();
  }

  StreamCandles candles{
      {{"ETHUSDT", Interval::k1h}, {"BTCUSDT", Interval::k15m}, {"BTCUSDT", Interval::k1h}}};
};

TEST_F(StreamCandlesTest, AClosedCandleNamesItsSeriesClockAndArrival) {
  const auto news = read(kline_text("BTCUSDT", Interval::k15m, kOpen, true, kOpen + kQuarter + 3));
  ASSERT_TRUE(news.candle.has_value());
  EXPECT_EQ(news.candle->series, 1u);
  EXPECT_EQ(news.candle->event_time, kOpen + kQuarter + 3);
  EXPECT_EQ(news.candle->received_us, 77);
  const auto& candle = std::get<market::Candle>(news.candle->candle);
  EXPECT_EQ(candle.open_time, kOpen);
  EXPECT_EQ(candle.close.text(), "2.5");
}

TEST_F(StreamCandlesTest, IsGivenOnceInWhateverOrder) {
  EXPECT_TRUE(gives_closed(kOpen + kQuarter));
  EXPECT_TRUE(gives_closed(kOpen)) << "late, but not given before";
  EXPECT_TRUE(gives_closed(kOpen + 2 * kQuarter));
  for (const int k : {0, 1, 2})
    EXPECT_FALSE(gives_closed(kOpen + k * kQuarter)) << k;
  EXPECT_EQ(candles.repeated(), 3);
  EXPECT_TRUE(read(kline_text("BTCUSDT", Interval::k1h, kOpen, true, kOpen + kHour)).candle.has_value())
      << "of another series";
}

TEST_F(StreamCandlesTest, RemembersManyCandlesAndNoMore) {
  const auto count = static_cast<std::int64_t>(StreamCandles::kRemembered);
  for (std::int64_t k = 0; k <= count; ++k)
    ASSERT_TRUE(gives_closed(kOpen + k * kQuarter)) << k;
  for (std::int64_t k = 0; k <= count; ++k)
    ASSERT_FALSE(gives_closed(kOpen + k * kQuarter)) << k << ": also the one that is forgotten, it is older";
}

TEST_F(StreamCandlesTest, OpenCandlesComeOnlyForwards) {
  EXPECT_TRUE(gives_open(kOpen, kOpen + 2000));
  EXPECT_FALSE(gives_open(kOpen, kOpen + 1000)) << "sent earlier";
  EXPECT_TRUE(gives_open(kOpen, kOpen + 4000));
  EXPECT_TRUE(gives_closed(kOpen));
  EXPECT_FALSE(gives_open(kOpen, kOpen + kQuarter + 5)) << "its candle has closed";
  EXPECT_TRUE(gives_open(kOpen + kQuarter, kOpen + kQuarter + 5));
}

TEST_F(StreamCandlesTest, OtherFramesAreNoCandles) {
  for (const char* text :
       {R"({"result":null,"id":1})", R"({"e":"trade","E":1})", R"({"code":2,"msg":"no","id":1})", "[]"}) {
    const auto news = read(text);
    EXPECT_FALSE(news.kline || news.shutdown || news.candle) << text;
  }
  EXPECT_TRUE(read(R"({"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}})").shutdown);
  EXPECT_FALSE(read(kline_text("DOGEUSDT", Interval::k1h, kOpen, true, kOpen + kHour)).kline) << "not wanted";
}

TEST_F(StreamCandlesTest, WhatBreaksARuleIsAnErrorAndNotRemembered) {
  const auto error = [&](const std::string& text) {
    const auto news = candles.read(text, 0);
    return news ? std::string("none") : news.error().message;
  };
  EXPECT_NE(error("{\"e\":\"kline\"").find("stream frame"), std::string::npos);
  EXPECT_NE(error(R"({"e":"kline","E":1})").find("\"k\" must be"), std::string::npos);
  EXPECT_NE(error(kline_text("BTCUSDT", Interval::k15m, kOpen + 1000, true, kOpen)).find("open time"),
            std::string::npos);
  EXPECT_NE(error(kline_text("BTCUSDT", Interval::k15m, kOpen, true, kOpen, "99.0")).find("must lie within"),
            std::string::npos);
  EXPECT_TRUE(gives_closed(kOpen)) << "the sound statement still counts";
}

}  // namespace
}  // namespace mop::exchange
