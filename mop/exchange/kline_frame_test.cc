#include "mop/exchange/kline_frame.h"

#include <gtest/gtest.h>

namespace mop::exchange {
namespace {

// The frame of Binance's documentation, with a candle that has closed.
constexpr const char* kClosed =
    R"({"e":"kline","E":1672515840002,"s":"BNBBTC","k":{"t":1672515780000,"T":1672515839999,"s":"BNBBTC","i":"1m",)"
    R"("f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015","v":"1000","n":100,"x":true,)"
    R"("q":"1.0000","V":"500","Q":"0.500","B":"123456"}})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

template <typename T>
T parsed_as(const std::string& text) {
  const auto frame = parse_stream_frame(text);
  EXPECT_TRUE(frame.has_value()) << frame.error().message;
  const T* kind = frame ? std::get_if<T>(&*frame) : nullptr;
  EXPECT_NE(kind, nullptr) << "another kind of frame: " << text;
  return kind != nullptr ? *kind : T{};
}

void expect_candle_of_documentation(const KlineFrame& frame) {
  EXPECT_EQ(frame.symbol, "BNBBTC");
  EXPECT_EQ(frame.interval, "1m");
  EXPECT_EQ(frame.event_time, 1672515840002);
  const auto* c = std::get_if<market::Candle>(&frame.candle);
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->open_time, 1672515780000);
  EXPECT_EQ(c->close_time, 1672515839999);
  EXPECT_EQ(c->open.text(), "0.0010");
  EXPECT_EQ(c->high.text(), "0.0025");
  EXPECT_EQ(c->low.text(), "0.0015");
  EXPECT_EQ(c->close.text(), "0.0020");
  EXPECT_EQ(c->volume.text(), "1000");
  EXPECT_EQ(c->quote_volume.text(), "1.0000");
  EXPECT_EQ(c->trades, 100);
  EXPECT_EQ(c->taker_buy_base.text(), "500");
  EXPECT_EQ(c->taker_buy_quote.text(), "0.500");
}

TEST(KlineFrameTest, ClosedCandleKeepsTheExactText) {
  expect_candle_of_documentation(parsed_as<KlineFrame>(kClosed));
}

TEST(KlineFrameTest, CombinedFramesHoldTheSame) {
  expect_candle_of_documentation(
      parsed_as<KlineFrame>(R"({"stream":"bnbbtc@kline_1m","data":)" + std::string(kClosed) + "}"));
}

TEST(KlineFrameTest, MicrosecondsAreRecognizedByTheirSize) {
  std::string micros = replaced(kClosed, "1672515840002", "1672515840002417");
  micros = replaced(micros, "1672515780000", "1672515780000000");
  expect_candle_of_documentation(
      parsed_as<KlineFrame>(replaced(micros, "1672515839999", "1672515839999999")));
}

TEST(KlineFrameTest, CandleThatStillTradesIsAnOpenOne) {
  const auto frame = parsed_as<KlineFrame>(replaced(kClosed, "\"x\":true", "\"x\":false"));
  const auto* open = std::get_if<market::OpenCandle>(&frame.candle);
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(open->open_time(), 1672515780000);
  EXPECT_EQ(open->last_price(), 0.002);
}

TEST(KlineFrameTest, TakerVolumesMayBeAbsent) {
  const auto frame = parsed_as<KlineFrame>(replaced(kClosed, R"(,"V":"500","Q":"0.500")", ""));
  EXPECT_TRUE(std::get<market::Candle>(frame.candle).taker_buy_base.empty());
}

TEST(KlineFrameTest, ShutdownIsToldInBothForms) {
  parsed_as<ServerShutdown>(R"({"e":"serverShutdown","E":1672515840002})");
  parsed_as<ServerShutdown>(
      R"({"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1672515840002}})");
}

TEST(KlineFrameTest, RepliesCarryTheirIdAndError) {
  const auto done = parsed_as<CommandReply>(R"({"result":null,"id":7})");
  EXPECT_EQ(done.id, 7);
  EXPECT_FALSE(done.error.has_value());
  const auto refused = parsed_as<CommandReply>(R"({"code":2,"msg":"Invalid request: no","id":7})");
  ASSERT_TRUE(refused.error.has_value());
  EXPECT_EQ(refused.error->code, 2);
  EXPECT_EQ(refused.error->message, "Invalid request: no");
  const auto nested = parsed_as<CommandReply>(R"({"error":{"code":3,"msg":"Invalid JSON"},"id":null})");
  EXPECT_FALSE(nested.id.has_value());
  ASSERT_TRUE(nested.error.has_value());
  EXPECT_EQ(nested.error->code, 3);
}

TEST(KlineFrameTest, OtherEventsArePassedOver) {
  for (const char* text : {R"({"e":"trade","E":1,"s":"BNBBTC"})", R"([{"e":"24hrTicker"}])", "{}", "7",
                           R"({"stream":"!ticker@arr","data":[{"e":"24hrTicker"}]})"})
    parsed_as<OtherFrame>(text);
}

TEST(KlineFrameTest, HostileFramesAreCorruptAndNamed) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {replaced(kClosed, "\"0.0010\"", "0.0010"), "\"o\" must be a plain decimal number as text"},
      {replaced(kClosed, "\"0.0010\"", "\"-0.0010\""), "\"o\" must be"},
      {replaced(kClosed, "\"0.0020\"", "\"1e5\""), "\"c\" must be"},
      {replaced(kClosed, "\"0.0025\"", "\"\""), "\"h\" must be"},
      {replaced(kClosed, "\"500\"", "null"), "\"V\" must be"},
      {replaced(kClosed, "1672515780000", "-1"), "\"t\" must be a whole number"},
      {replaced(kClosed, "1672515780000", "99999999999999999999"), "\"t\" must be a whole number"},
      {replaced(kClosed, "1672515840002", "\"now\""), "\"E\" must be a whole number"},
      {replaced(kClosed, "\"n\":100", "\"n\":1.5"), "\"n\" must be a whole number"},
      {replaced(kClosed, "\"x\":true", "\"x\":1"), "\"x\" must be true or false"},
      {replaced(kClosed, "\"x\":true", "\"y\":true"), "\"x\" must be true or false, was missing"},
      {replaced(kClosed, "\"i\":\"1m\"", "\"i\":1"), "\"i\" must be text"},
      {R"({"e":"kline","E":1,"s":"BNBBTC"})", "\"k\" must be an object"},
      {R"({"e":"kline","E":1,"k":[]})", "\"k\" must be an object"},
      {std::string(kClosed).substr(0, 60), "stream frame"},
      {"", "stream frame"}};
  for (const auto& [text, message] : cases) {
    const auto frame = parse_stream_frame(text);
    ASSERT_FALSE(frame.has_value()) << text;
    EXPECT_EQ(frame.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(frame.error().message.find(message), std::string::npos) << frame.error().message;
  }
}

}  // namespace
}  // namespace mop::exchange
