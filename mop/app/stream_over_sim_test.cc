// What spans the rooms exchange and sim: the live stream over real sockets against the simulated exchange.
// The test moves the exchange's clock and waits for what comes of it.
#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/clock.h"
#include "mop/exchange/kline_stream.h"
#include "mop/market/symbol.h"
#include "mop/sim/server.h"
#include "mop/sim/synthetic_market.h"

namespace mop::app {
namespace {

using market::Interval;

constexpr DurationMillis kQuarter = 15 * kMinute;
constexpr UnixMillis kStart = 1'751'328'000'000 + 7 * kMinute;  // 2025-07-01 00:07
constexpr DurationMillis kPatience = 15 * kSecond;              // of the machine; no claim depends on it

// A clock that the server's threads read while the test moves it.
class SharedClock final : public Clock {
 public:
  UnixMillis now() override { return now_.load(); }
  void sleep_for(DurationMillis duration) override { now_ += duration; }
  void advance(DurationMillis by) { now_ += by; }

 private:
  std::atomic<UnixMillis> now_{kStart};
};

class StreamOverSimTest : public testing::Test {
 protected:
  void start(std::string_view faults = "", DurationMillis sim_lifetime = kDay) {
    sim::SimOptions sim_options;
    sim_options.streams.lifetime = sim_lifetime;
    sim_options.streams.pong_within = kDay;  // the clock may move further before a pong has arrived
    auto script = sim::FaultScript::parse(faults);
    ASSERT_TRUE(script.has_value()) << script.error().message;
    sim_options.faults = *script;
    server = std::make_unique<sim::SimServer>(sim_options, market, clock);
    const auto listening = server->start();
    ASSERT_TRUE(listening.has_value()) << listening.error().message;
    options.hosts = {fmt::format("ws://127.0.0.1:{}", server->port())};
    options.first_backoff = 20;
    auto started = exchange::KlineStream::start(options);
    ASSERT_TRUE(started.has_value()) << started.error().message;
    stream = std::move(*started);
  }

  /// Takes events until `until` says yes to one.
  template <typename Until>
  void take(Until until) {
    for (bool done = false; !done;) {
      const auto event = stream->next(kPatience);
      if (!event) throw std::runtime_error("nothing came");
      note(*event);
      done = until(*event);
    }
  }
  void await_connected() {
    take([](const auto& event) { return std::holds_alternative<exchange::StreamConnected>(event); });
  }
  /// Moves the exchange's clock and waits until the stream states its new time, or has connected anew.
  void advance(DurationMillis by) {
    clock.advance(by);
    take([this](const auto& event) {
      const auto* candle = std::get_if<exchange::StreamCandle>(&event);
      return candle == nullptr ? std::holds_alternative<exchange::StreamConnected>(event)
                               : candle->event_time >= clock.now() && is_open(*candle);
    });
  }
  void advance(int steps, DurationMillis by) {
    while (steps-- > 0)
      advance(by);
  }
  static bool is_open(const exchange::StreamCandle& candle) {
    return std::holds_alternative<market::OpenCandle>(candle.candle);
  }

  void note(const exchange::StreamEvent& event) {
    if (const auto* candle = std::get_if<exchange::StreamCandle>(&event)) {
      auto& heard = last_heard[candle->series];
      heard = std::max(heard, candle->event_time);
      if (const auto* closed = std::get_if<market::Candle>(&candle->candle))
        given[candle->series].push_back(*closed);
    } else if (std::holds_alternative<exchange::StreamDisconnected>(event)) {
      for (std::size_t series = 0; series < options.series.size(); ++series)
        holes[series].emplace_back(last_heard[series], std::numeric_limits<UnixMillis>::max());
    } else if (std::holds_alternative<exchange::StreamConnected>(event)) {
      if (connected_at == 0) connected_at = clock.now();
      for (auto& [series, all] : holes)
        all.back().second = clock.now();
    }
  }

  /// Each candle that closed since the stream connected was given once, as it was made, or its close lies in
  /// a hole that was told; how many were given.
  std::size_t judge() {
    std::size_t total = 0;
    for (std::size_t series = 0; series < options.series.size(); ++series) {
      const auto& [symbol, interval] = options.series[series];
      const UnixMillis end = last_heard[series];
      const auto made =
          market.candles(symbol, interval, {connected_at - kHour, end, 100'000, false}, clock.now());
      EXPECT_TRUE(made.has_value());
      std::vector<market::Candle>& got = given[series];
      std::sort(got.begin(), got.end(),
                [](const auto& a, const auto& b) { return a.open_time < b.open_time; });
      std::size_t seen = 0;
      for (const market::Candle& candle : *made) {
        const UnixMillis close = candle.close_time + 1;
        if (close <= connected_at || close > end) continue;
        const auto times = std::count(got.begin(), got.end(), candle);
        const bool excused = std::any_of(holes[series].begin(), holes[series].end(), [&](const auto& hole) {
          return hole.first <= close && close <= hole.second;
        });
        EXPECT_TRUE(times == 1 || (times == 0 && excused))
            << symbol << ' ' << market::to_string(interval) << ' ' << format_utc(candle.open_time) << " came "
            << times << " times";
        seen += static_cast<std::size_t>(times);
      }
      EXPECT_EQ(seen, got.size()) << "nothing else came";
      total += seen;
    }
    return total;
  }

  sim::SyntheticMarket market{{}};
  SharedClock clock;
  exchange::KlineStreamOptions options = [] {
    exchange::KlineStreamOptions o;
    o.series = {{"BTCUSDT", Interval::k15m}, {"ETHUSDT", Interval::k15m}, {"BTCUSDT", Interval::k1h}};
    return o;
  }();
  std::unique_ptr<sim::SimServer> server;
  std::unique_ptr<exchange::KlineStream> stream;
  std::map<std::size_t, std::vector<market::Candle>> given;  // by series
  std::map<std::size_t, UnixMillis> last_heard;
  std::map<std::size_t, std::vector<std::pair<UnixMillis, UnixMillis>>> holes;
  UnixMillis connected_at = 0;
};

TEST_F(StreamOverSimTest, BringsEveryCloseOfAllFiftySeriesOnOneConnection) {
  options.series.clear();
  for (const market::Symbol& symbol : market::fleet_symbols()) {
    for (const Interval interval : market::kIntervals)
      options.series.push_back({std::string(symbol.name), interval});
  }
  start();
  await_connected();
  advance(8, kQuarter);
  advance(2 * kSecond);
  EXPECT_EQ(judge(), 23u * (8 + 2)) << "of the 23 coins that trade in 2025";
  EXPECT_EQ(stream->counters().disconnects, 0);
  EXPECT_EQ(stream->counters().connects, 1);
  EXPECT_EQ(server->requests(), 1);
}

TEST_F(StreamOverSimTest, AJumpOfTheClockBringsEveryCandleBetween) {
  start();
  await_connected();
  advance(3 * kHour);
  advance(2 * kSecond);
  EXPECT_EQ(judge(), 12u + 12u + 3u);
}

TEST_F(StreamOverSimTest, ABrokenConnectionIsToldAndMadeAgain) {
  start(R"({"do":"disconnect","path":"/stream*","ms":1800000,"count":2})");
  await_connected();
  advance(24, 5 * kMinute);
  EXPECT_EQ(holes[0].size(), 2u);
  EXPECT_GT(judge(), 12u);
  EXPECT_EQ(stream->counters().disconnects, 2);
}

TEST_F(StreamOverSimTest, ASilentConnectionIsLeft) {
  options.candle_silence = 300;
  start(R"({"do":"silence","path":"/stream*","ms":1800000,"count":1})");
  await_connected();
  advance(12, 5 * kMinute);
  EXPECT_GE(holes[0].size(), 1u);
  EXPECT_GT(judge(), 3u);
}

TEST_F(StreamOverSimTest, AServerThatGoesDownIsReplacedWithoutAHole) {
  options.overlap = 50;
  start(R"({"do":"shutdown","path":"/stream*","ms":1800000,"lead_ms":86400000,"count":1})");
  await_connected();
  for (int k = 0; k < 5000 && stream->counters().handovers == 0; ++k)
    advance(kMinute);
  advance(4, kQuarter);
  advance(2 * kSecond);
  EXPECT_EQ(stream->counters().disconnects, 0);
  EXPECT_GE(judge(), 2u * 6u + 1u);
  EXPECT_EQ(stream->counters().connects, 2);
}

TEST_F(StreamOverSimTest, IsReplacedBeforeTheExchangeCutsIt) {
  options.overlap = 50;
  options.lifetime = 400;  // of the machine
  start();
  await_connected();
  for (int k = 0; k < 5000 && stream->counters().handovers < 3; ++k)
    advance(kMinute);
  EXPECT_GE(stream->counters().handovers, 3);
  EXPECT_EQ(stream->counters().disconnects, 0);
  EXPECT_GT(judge(), 0u);
}

TEST_F(StreamOverSimTest, ACutThatComesFirstIsToldAndHealed) {
  start("", kHour);
  await_connected();
  advance(30, 5 * kMinute);
  EXPECT_EQ(holes[0].size(), 2u);
  EXPECT_GT(judge(), 12u);
}

TEST_F(StreamOverSimTest, ARefusedOrResetHandshakeIsTriedAgainAndBlocksAreTold) {
  options.blocked_retry = 40;
  start(R"({"do":"status","status":451,"path":"/stream*","count":2}
{"do":"reset","path":"/stream*","first":3,"count":1}
{"do":"status","status":429,"retry_after":1,"path":"/stream*","first":4,"count":1})");
  take([](const auto& event) {
    const auto* blocked = std::get_if<exchange::StreamBlocked>(&event);
    EXPECT_NE(blocked, nullptr);
    EXPECT_NE(blocked->why.find("451"), std::string::npos) << blocked->why;
    return true;
  });
  await_connected();
  EXPECT_EQ(stream->counters().connects, 5);
  advance(kQuarter);
  advance(2 * kSecond);
  EXPECT_EQ(judge(), 2u);
}

TEST_F(StreamOverSimTest, DuplicatedMissingAndMisalignedCandles) {
  start(R"({"do":"duplicate","symbol":"BTCUSDT","from":"2025-07-01"}
{"do":"misalign","symbol":"ETHUSDT","ms":1000,"from":"2025-07-01","until":"2025-07-01T01:00"})");
  await_connected();
  advance(8, kQuarter);
  advance(2 * kSecond);
  EXPECT_EQ(given[0].size(), 8u) << "each once";
  EXPECT_EQ(given[1].size(), 4u) << "those on the grid";
  EXPECT_EQ(given[2].size(), 2u);
  EXPECT_EQ(stream->counters().bad_frames, 4);
  EXPECT_GE(stream->counters().repeated, 10);
  EXPECT_EQ(stream->counters().disconnects, 0);
}

TEST_F(StreamOverSimTest, ADayOfManyFaults) {
  options.overlap = 20;
  options.candle_silence = 500;
  start(R"({"do":"disconnect","path":"/stream*","ms":5400000,"every":3}
{"do":"shutdown","path":"/stream*","ms":4000000,"lead_ms":3000,"first":2,"every":3}
{"do":"silence","path":"/stream*","ms":3000000,"first":3,"every":3}
{"do":"reset","path":"/stream*","first":5,"every":7}
{"do":"duplicate","probability":0.5})");
  await_connected();
  advance(288, 5 * kMinute);
  EXPECT_GT(judge(), 100u) << "of 216";
  EXPECT_GT(holes[0].size(), 5u);
}

TEST_F(StreamOverSimTest, ASlowConsumerMissesNoClose) {
  start();
  await_connected();
  const std::int64_t before = stream->counters().frames;
  for (int k = 0; k < 40; ++k) {  // nothing is taken meanwhile
    clock.advance(kQuarter);
    const std::int64_t wanted = before + (k + 1) * 5;  // three running candles and at least two closes
    const std::int64_t give_up = monotonic_micros() + kPatience * 1000;
    while (stream->counters().frames < wanted && monotonic_micros() < give_up)
      std::this_thread::yield();
  }
  advance(2 * kSecond);
  EXPECT_EQ(judge(), 2u * 40u + 10u);
}

TEST_F(StreamOverSimTest, AnExchangeThatGoesAndComesBack) {
  start();
  await_connected();
  advance(kMinute);
  const std::uint16_t port = server->port();
  server.reset();
  take([](const auto& event) { return std::holds_alternative<exchange::StreamBlocked>(event); });
  clock.advance(kHour);
  sim::SimOptions again;
  again.port = port;
  server = std::make_unique<sim::SimServer>(again, market, clock);
  ASSERT_TRUE(server->start().has_value());
  await_connected();
  advance(kQuarter);
  advance(2 * kSecond);
  EXPECT_EQ(judge(), 2u);
  EXPECT_EQ(holes[0].size(), 1u);
}

}  // namespace
}  // namespace mop::app
