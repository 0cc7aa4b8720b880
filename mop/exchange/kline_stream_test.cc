// The stream as its consumer sees it; against the simulated exchange: app/stream_over_sim_test.cc.
#include "mop/exchange/kline_stream.h"

#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/clock.h"
#include "mop/exchange/kline_text.h"
#include "mop/exchange/loopback_server.h"

namespace mop::exchange {
namespace {

using market::Interval;

constexpr UnixMillis kOpen = 1'751'328'000'000;

KlineStreamOptions options_for(const std::string& host) {
  KlineStreamOptions options;
  options.hosts = {host};
  options.series = {{"BTCUSDT", Interval::k15m}};
  return options;
}

std::string ws(const LoopbackServer& server) {
  return fmt::format("ws://127.0.0.1:{}", server.port());
}

TEST(KlineStreamTest, WrongOptionsAreTold) {
  const auto message = [](const KlineStreamOptions& options) {
    const auto stream = KlineStream::start(options);
    return stream ? std::string("started") : stream.error().message;
  };
  KlineStreamOptions options = options_for("http://127.0.0.1");
  EXPECT_NE(message(options).find("stream address must be ws://"), std::string::npos) << message(options);
  options = options_for("ws://127.0.0.1");
  options.series.push_back(options.series[0]);
  EXPECT_NE(message(options).find("BTCUSDT 15m was twice"), std::string::npos) << message(options);
  options.series.clear();
  EXPECT_NE(message(options).find("1..256 series, was 0"), std::string::npos) << message(options);
  options = options_for("ws://127.0.0.1");
  options.hosts.clear();
  EXPECT_NE(message(options).find("must have a host"), std::string::npos) << message(options);
}

TEST(KlineStreamTest, HandsOverCandlesWithTheTimeTheyCameIn) {
  const LoopbackServer server([](const std::string& request) {
    return accept_web_socket(
        request, web_socket_frame("no json") +
                     web_socket_frame(kline_text("BTCUSDT", Interval::k15m, kOpen, true, kOpen + 900'003)));
  });
  const std::int64_t before = monotonic_micros();
  auto stream = KlineStream::start(options_for(ws(server)));
  ASSERT_TRUE(stream.has_value());
  const auto connected = (*stream)->next(20 * kSecond);
  ASSERT_TRUE(connected.has_value());
  ASSERT_TRUE(std::holds_alternative<StreamConnected>(*connected));
  const auto event = (*stream)->next(20 * kSecond);
  ASSERT_TRUE(event.has_value());
  const auto& candle = std::get<StreamCandle>(*event);
  EXPECT_EQ(std::get<market::Candle>(candle.candle).open_time, kOpen);
  EXPECT_EQ(candle.event_time, kOpen + 900'003);
  EXPECT_GT(candle.received_us, before);
  EXPECT_LE(candle.received_us, monotonic_micros());
  (*stream)->stop();
  EXPECT_EQ((*stream)->counters().bad_frames, 1);
  EXPECT_EQ((*stream)->counters().frames, 2);
}

TEST(KlineStreamTest, ARefusedStreamIsBlocked) {
  const LoopbackServer server(
      [](const std::string&) { return http_answer("{}", "Connection: close\r\n", 451); });
  auto stream = KlineStream::start(options_for(ws(server)));
  ASSERT_TRUE(stream.has_value());
  const auto event = (*stream)->next(20 * kSecond);
  ASSERT_TRUE(event.has_value());
  const auto* blocked = std::get_if<StreamBlocked>(&*event);
  ASSERT_NE(blocked, nullptr);
  EXPECT_NE(blocked->why.find("451"), std::string::npos) << blocked->why;
}

TEST(KlineStreamTest, StopsAtOnceWhateverItWaitsFor) {
  const LoopbackServer silent([](const std::string&) { return std::string("HTTP/1.1 101 X\r\n"); });
  const LoopbackServer open([](const std::string& request) { return accept_web_socket(request); });
  for (const std::string& host : {ws(silent), ws(open), std::string("ws://nobody.invalid")}) {
    auto stream = KlineStream::start(options_for(host));
    ASSERT_TRUE(stream.has_value());
    EXPECT_EQ((*stream)->next(host == ws(open) ? 20 * kSecond : 0).has_value(), host == ws(open));
    std::thread other([&] { (*stream)->stop(); });
    const std::int64_t begin = monotonic_micros();
    (*stream)->stop();
    other.join();
    EXPECT_LT(monotonic_micros() - begin, 900'000) << host << ": sooner than any timer of it";
    while ((*stream)->next(kMinute).has_value()) {
    }
  }
}

}  // namespace
}  // namespace mop::exchange
