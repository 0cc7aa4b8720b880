// When a kline stream connects, replaces and gives up, by a time that the test states: no sockets, no
// waiting.
#include "mop/exchange/stream_supervisor.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/exchange/kline_text.h"

namespace mop::exchange {
namespace {

using market::Interval;
using Seen = std::vector<std::string>;

constexpr DurationMillis kQuarter = 15 * kMinute;
constexpr UnixMillis kOpen = 1'751'328'000'000;  // 2025-07-01 00:00: the first candle opens

KlineStreamOptions options_for(std::vector<std::string> hosts) {
  KlineStreamOptions options;
  options.hosts = std::move(hosts);
  options.series = {{"BTCUSDT", Interval::k15m}, {"ETHUSDT", Interval::k1h}};
  return options;
}

// Says what happened and collects what comes of it: commands as "open 1 a/..." and "close 1", events as
// "connected a", "disconnected", "blocked", "closed 0" (the n-th quarter of BTCUSDT), "running".
class Stage {
 public:
  explicit Stage(KlineStreamOptions options) : supervisor(std::move(options)) { step(now); }

  Seen step(DurationMillis at) {
    now = at;
    supervisor.step(now);
    EXPECT_GT(supervisor.next_due(), now) << "what was due is done: no busy waiting";
    for (const SocketCommand& command : supervisor.take_commands()) {
      if (const auto* open = std::get_if<OpenSocket>(&command)) {
        opened.push_back(*open);
        opened_at.push_back(now);
      } else {
        closed.push_back(std::get<CloseSocket>(command).socket);
      }
    }
    Seen seen;
    for (const StreamEvent& event : supervisor.take_events())
      seen.push_back(text_of(event));
    return seen;
  }
  /// Goes on to the next attempt to connect, from due time to due time; what was seen on the way.
  Seen run_to_attempt(DurationMillis at_most = kHour) {
    Seen seen;
    const std::size_t before = opened.size();
    const DurationMillis end = now + at_most;
    while (opened.size() == before && now < end) {
      const Seen more = step(std::min(supervisor.next_due(), end));
      seen.insert(seen.end(), more.begin(), more.end());
    }
    EXPECT_GT(opened.size(), before) << "no attempt within " << at_most << " ms";
    return seen;
  }
  template <typename What>
  Seen happens(int socket, What what) {
    supervisor.on({socket, now * 1000, std::move(what)});
    return step(now);
  }
  Seen fails(int socket, ErrorCode code, DurationMillis retry_after = 0) {
    return happens(socket, SocketClosed{{code, "told why"}, false, retry_after});
  }
  Seen running(int socket, int quarter = 0) {
    return happens(
        socket, SocketText{kline_text("BTCUSDT", Interval::k15m, kOpen + quarter * kQuarter, false, ++sent)});
  }
  Seen closes(int socket, int quarter) {
    return happens(socket, SocketText{kline_text("BTCUSDT", Interval::k15m, kOpen + quarter * kQuarter, true,
                                                 kOpen + (quarter + 1) * kQuarter)});
  }
  /// A stream that has brought a candle.
  void connect(int socket) {
    happens(socket, SocketOpened{});
    running(socket);
  }

  DurationMillis now = 1'000'000;
  StreamSupervisor supervisor;
  std::vector<OpenSocket> opened;
  std::vector<DurationMillis> opened_at;
  std::vector<int> closed;

 private:
  static std::string text_of(const StreamEvent& event) {
    if (const auto* candle = std::get_if<StreamCandle>(&event)) {
      const auto* whole = std::get_if<market::Candle>(&candle->candle);
      return whole != nullptr ? fmt::format("closed {}", (whole->open_time - kOpen) / kQuarter) : "running";
    }
    if (const auto* connected = std::get_if<StreamConnected>(&event)) return "connected " + connected->host;
    if (const auto* lost = std::get_if<StreamDisconnected>(&event)) {
      EXPECT_FALSE(lost->why.empty());
      return "disconnected";
    }
    EXPECT_FALSE(std::get<StreamBlocked>(event).why.empty());
    return "blocked";
  }
  UnixMillis sent = kOpen;
};

constexpr const char* kShutdown = R"({"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}})";

TEST(StreamSupervisorTest, ConnectsAtOnceWithAllSeriesInTheAddress) {
  Stage stage(options_for({"wss://a"}));
  ASSERT_EQ(stage.opened.size(), 1u);
  EXPECT_EQ(stage.opened[0].url, "wss://a/stream?streams=btcusdt@kline_15m/ethusdt@kline_1h");
  EXPECT_EQ(stage.happens(1, SocketOpened{}), (Seen{"connected wss://a"}));
  EXPECT_EQ(stage.closes(1, 0), (Seen{"closed 0"}));
  EXPECT_EQ(stage.opened.size(), 1u);
}

TEST(StreamSupervisorTest, ASilentConnectionIsHalfOpen) {
  Stage stage(options_for({"a"}));
  stage.connect(1);
  EXPECT_EQ(stage.step(stage.now + 30 * kSecond - 1), Seen{});
  EXPECT_EQ(stage.step(stage.now + 1), Seen{"disconnected"});
  EXPECT_EQ(stage.closed, std::vector<int>{1});
  const DurationMillis lost = stage.now;
  stage.run_to_attempt();
  EXPECT_LE(stage.now - lost, 250) << "a connection that worked is made anew at once";
  EXPECT_EQ(stage.closes(1, 0), Seen{}) << "what a given up connection brings is ignored";
  EXPECT_EQ(stage.happens(2, SocketOpened{}), Seen{"connected a"});
}

TEST(StreamSupervisorTest, PingsAreALifeSignButNotForEver) {
  Stage stage(options_for({"a"}));
  stage.connect(1);
  for (const DurationMillis wait : {20, 20, 19}) {
    stage.step(stage.now + wait * kSecond);
    EXPECT_EQ(stage.happens(1, SocketPing{}), Seen{});
  }
  EXPECT_EQ(stage.step(stage.now + kSecond), Seen{"disconnected"}) << "a minute without any candle";
}

TEST(StreamSupervisorTest, BacksOffTwiceAsLongEachTimeJitteredAndBounded) {
  std::set<DurationMillis> first_waits;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    KlineStreamOptions options = options_for({"a"});
    options.jitter_seed = seed;
    Stage stage(options);
    DurationMillis wanted = 250;
    for (int n = 1; n <= 12; ++n) {
      stage.fails(n, ErrorCode::kUnavailable);
      const DurationMillis failed = stage.now;
      stage.run_to_attempt();
      if (n == 1) first_waits.insert(stage.now - failed);
      EXPECT_GE(stage.now - failed, wanted / 2) << n;
      EXPECT_LE(stage.now - failed, wanted) << n;
      wanted = std::min<DurationMillis>(30 * kSecond, 2 * wanted);
    }
    stage.connect(13);
    EXPECT_EQ(stage.fails(13, ErrorCode::kUnavailable), Seen{"disconnected"});
    const DurationMillis failed = stage.now;
    stage.run_to_attempt();
    EXPECT_LE(stage.now - failed, 250) << "a candle wipes the slate clean";
  }
  EXPECT_GT(first_waits.size(), 10u) << "many clients do not come back at the same instant";
}

TEST(StreamSupervisorTest, AnAttemptThatIsNotAnsweredIsGivenUp) {
  Stage stage(options_for({"a", "b"}));
  stage.step(stage.now + 10 * kSecond - 1);
  EXPECT_TRUE(stage.closed.empty());
  stage.step(stage.now + 1);
  EXPECT_EQ(stage.closed, std::vector<int>{1});
  stage.run_to_attempt();
  EXPECT_TRUE(stage.opened.back().url.starts_with("b/"));
}

TEST(StreamSupervisorTest, GoesOnToTheNextHostAndStaysWithTheOneThatWorks) {
  Stage stage(options_for({"a", "b", "c"}));
  EXPECT_EQ(stage.fails(1, ErrorCode::kUnsupported), Seen{});
  stage.run_to_attempt();
  EXPECT_LE(stage.now - stage.opened_at[0], 250) << "another host need not wait for the first";
  EXPECT_TRUE(stage.opened.back().url.starts_with("b/"));
  EXPECT_EQ(stage.happens(2, SocketOpened{}), Seen{"connected b"});
  stage.running(2);
  EXPECT_EQ(stage.fails(2, ErrorCode::kUnavailable), Seen{"disconnected"});
  stage.run_to_attempt();
  EXPECT_TRUE(stage.opened.back().url.starts_with("b/"));
}

TEST(StreamSupervisorTest, WhereEveryHostRefusesTheStreamIsBlockedAndTriedSlowly) {
  Stage stage(options_for({"a", "b"}));
  EXPECT_EQ(stage.fails(1, ErrorCode::kUnsupported), Seen{}) << "b may be open";
  stage.run_to_attempt();
  EXPECT_EQ(stage.fails(2, ErrorCode::kIo), Seen{"blocked"})
      << "a certificate that is not trusted refuses too";
  for (int n = 3; n < 8; ++n) {
    const DurationMillis failed = stage.now;
    stage.run_to_attempt();
    EXPECT_GE(stage.now - failed, 30 * kSecond);
    EXPECT_LE(stage.now - failed, kMinute);
    EXPECT_EQ(stage.fails(n, ErrorCode::kUnsupported), Seen{}) << "told once";
  }
  stage.run_to_attempt();
  EXPECT_EQ(stage.happens(8, SocketOpened{}).size(), 1u);
  stage.running(8);
  EXPECT_EQ(stage.fails(8, ErrorCode::kUnavailable), Seen{"disconnected"});
  stage.run_to_attempt();
  EXPECT_EQ(stage.fails(9, ErrorCode::kUnsupported), Seen{});
  stage.run_to_attempt();
  EXPECT_EQ(stage.fails(10, ErrorCode::kUnsupported), Seen{"blocked"}) << "a new outage";
}

TEST(StreamSupervisorTest, WhereNoHostCanBeReachedThreeTimesTheStreamIsBlocked) {
  Stage stage(options_for({"a", "b"}));
  for (int n = 1; n < 6; ++n) {
    EXPECT_EQ(stage.fails(n, ErrorCode::kUnavailable), Seen{}) << n;
    stage.run_to_attempt();
  }
  EXPECT_EQ(stage.fails(6, ErrorCode::kUnavailable), Seen{"blocked"});
}

TEST(StreamSupervisorTest, ALimitIsWaitedForAsTold) {
  Stage stage(options_for({"a", "b"}));
  EXPECT_EQ(stage.fails(1, ErrorCode::kRateLimited, 5 * kMinute), Seen{"blocked"});
  const DurationMillis failed = stage.now;
  stage.run_to_attempt();
  EXPECT_EQ(stage.now - failed, 5 * kMinute) << "another host counts the same address";
  stage.fails(2, ErrorCode::kRateLimited);
  const DurationMillis again = stage.now;
  stage.run_to_attempt();
  EXPECT_EQ(stage.now - again, kMinute);
}

TEST(StreamSupervisorTest, NeverConnectsMoreOftenThanItMay) {
  KlineStreamOptions options = options_for({"a"});
  options.connects_per_window = 20;
  Stage stage(options);
  for (int n = 1; n <= 200; ++n) {  // a server that says a candle and breaks: no failure to back off from
    stage.connect(n);
    stage.fails(n, ErrorCode::kUnavailable);
    stage.run_to_attempt();
  }
  for (std::size_t i = 20; i < stage.opened_at.size(); ++i)
    EXPECT_GE(stage.opened_at[i] - stage.opened_at[i - 20], 5 * kMinute) << i;
}

TEST(StreamSupervisorTest, ReplacesAnOldConnectionNewOneFirst) {
  Stage stage(options_for({"a"}));
  stage.connect(1);
  const DurationMillis since = stage.now;
  while (stage.opened.size() == 1) {
    stage.step(stage.now + 2 * kSecond);
    stage.running(1);
  }
  EXPECT_GE(stage.now - since, 23 * kHour);
  EXPECT_LE(stage.now - since, 23 * kHour + 2 * kSecond);
  EXPECT_EQ(stage.happens(2, SocketOpened{}), Seen{});
  EXPECT_EQ(stage.closes(1, 0), Seen{"closed 0"});
  EXPECT_EQ(stage.closes(2, 0), Seen{}) << "stated by both, given once";
  EXPECT_EQ(stage.closes(2, 1), Seen{"closed 1"});
  EXPECT_EQ(stage.closes(1, 1), Seen{});
  stage.step(stage.now + 5 * kSecond - 1);
  stage.running(1, 2);
  EXPECT_TRUE(stage.closed.empty());
  stage.step(stage.now + 1);
  EXPECT_EQ(stage.running(1, 2), Seen{"running"});
  EXPECT_EQ(stage.closed, std::vector<int>{1}) << "after five seconds of both";
  EXPECT_EQ(stage.closes(2, 2), Seen{"closed 2"});
  EXPECT_EQ(stage.supervisor.counters().handovers, 1);
  EXPECT_EQ(stage.supervisor.counters().repeated, 2);
}

TEST(StreamSupervisorTest, TheOldOneStaysUntilTheNewOneBringsCandles) {
  Stage stage(options_for({"a"}));
  stage.connect(1);
  stage.happens(1, SocketText{kShutdown});
  ASSERT_EQ(stage.opened.size(), 2u) << "at once";
  stage.happens(2, SocketOpened{});
  for (int k = 0; k < 10; ++k) {
    stage.step(stage.now + 2 * kSecond);
    EXPECT_EQ(stage.running(1), Seen{"running"});
    stage.happens(2, SocketPing{});
  }
  EXPECT_TRUE(stage.closed.empty());
  stage.running(2);
  EXPECT_EQ(stage.closed, std::vector<int>{1});
}

TEST(StreamSupervisorTest, AServerThatGoesDownInOrderLeavesNoHole) {
  Stage stage(options_for({"a"}));
  stage.connect(1);
  stage.happens(1, SocketText{kShutdown});
  stage.happens(2, SocketOpened{});
  stage.step(stage.now + kSecond);
  stage.running(1);
  EXPECT_EQ(stage.happens(1, SocketClosed{{ErrorCode::kUnavailable, "bye"}, true}), Seen{});
  EXPECT_EQ(stage.closes(2, 0), Seen{"closed 0"});
  EXPECT_EQ(stage.supervisor.counters().handovers, 1);
}

TEST(StreamSupervisorTest, AHoleThatCannotBeExcludedIsTold) {
  for (const bool orderly : {false, true}) {
    Stage stage(options_for({"a"}));
    stage.connect(1);
    stage.happens(1, SocketText{kShutdown});
    stage.step(stage.now + kSecond);
    stage.happens(2, SocketOpened{});
    stage.step(stage.now + kSecond);
    if (!orderly) stage.running(1);  // but it breaks, and something may be lost on the way
    EXPECT_EQ(stage.happens(1, SocketClosed{{ErrorCode::kUnavailable, "bye"}, orderly}),
              (Seen{"disconnected", "connected a"}))
        << orderly;
  }
  // A connection that had fallen silent before the new one opened.
  Stage stage(options_for({"a"}));
  stage.connect(1);
  stage.happens(1, SocketText{kShutdown});
  stage.step(stage.now + 9 * kSecond);
  stage.happens(2, SocketOpened{});
  stage.running(2);
  stage.step(stage.now + 20 * kSecond);
  stage.running(2);
  EXPECT_TRUE(stage.closed.empty());
  EXPECT_EQ(stage.step(stage.now + kSecond), (Seen{"disconnected", "connected a"}));
}

TEST(StreamSupervisorTest, AFailedReplacementHarmsNobody) {
  Stage stage(options_for({"a"}));
  stage.connect(1);
  stage.happens(1, SocketText{kShutdown});
  for (int n = 2; n < 8; ++n) {
    EXPECT_EQ(stage.fails(n, ErrorCode::kUnsupported), Seen{}) << "not blocked: candles come";
    stage.running(1);
    while (stage.opened.back().socket == n) {
      stage.step(stage.now + 2 * kSecond);
      stage.running(1);
    }
  }
  EXPECT_EQ(stage.closes(1, 0), Seen{"closed 0"});
}

TEST(StreamSupervisorTest, OneBadFrameIsCountedManyInARowEndTheConnection) {
  Stage stage(options_for({"a"}));
  stage.connect(1);
  for (int n = 0; n < 30; ++n) {
    EXPECT_EQ(stage.happens(1, SocketText{"{\"e\":\"kline\"}"}), Seen{});
    if (n % 9 == 8) stage.running(1);
  }
  EXPECT_EQ(stage.supervisor.counters().bad_frames, 30);
  EXPECT_EQ(stage.running(1), Seen{"running"});
  for (int n = 0; n < 9; ++n)
    EXPECT_EQ(stage.happens(1, SocketText{"nonsense"}), Seen{});
  EXPECT_EQ(stage.happens(1, SocketText{"nonsense"}), Seen{"disconnected"});
  EXPECT_EQ(stage.closed, std::vector<int>{1});
}

TEST(StreamSupervisorTest, FasterClocksShortenWhatFollowsThem) {
  const KlineStreamOptions real = options_for({"a"});
  const KlineStreamOptions fast = at_speed(real, 60.0);
  EXPECT_EQ(fast.lifetime, 23 * kMinute);
  EXPECT_EQ(fast.candle_silence, kSecond);
  EXPECT_EQ(fast.silence, 500) << "half a second at least";
  EXPECT_EQ(fast.connect_window, 5 * kSecond);
  EXPECT_EQ(fast.first_backoff, real.first_backoff);
  EXPECT_EQ(fast.connect_timeout, real.connect_timeout) << "the network is as fast as ever";
  EXPECT_EQ(at_speed(real, 1.0).lifetime, real.lifetime);
}

// A server side made of chances: connections fail, break, fall silent, go down in order, lose what was on its
// way; each states the running candle every ten seconds and each close once.
class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : rng_(seed, 7), supervisor_(options(seed)) {}

  void run(DurationMillis duration) {
    for (const DurationMillis end = now_ + duration; now_ < end; now_ += kTick) {
      supervisor_.step(now_);
      obey();
      for (auto& [socket, server] : servers_)
        serve(socket, server);
      std::erase_if(servers_, [](const auto& one) { return one.second.gone; });
      collect();
    }
  }
  /// Every candle that closed while the stream claimed to be whole was given; none twice.
  void judge() const {
    for (const auto& [open_time, times] : given_)
      EXPECT_EQ(times, 1) << open_time;
    const UnixMillis last = close_of(now_ - 10 * kMinute);
    for (UnixMillis open = close_of(first_connected_); open + kQuarter <= last; open += kQuarter) {
      if (given_.contains(open)) continue;
      const UnixMillis close = open + kQuarter;
      EXPECT_TRUE(std::any_of(holes_.begin(), holes_.end(),
                              [&](const auto& hole) { return hole.first <= close && close <= hole.second; }))
          << "the candle that closed at " << close << " is missing and nobody said so";
    }
  }
  std::size_t given() const { return given_.size(); }
  std::size_t holes() const { return holes_.size(); }
  StreamCounters counters() const { return supervisor_.counters(); }

 private:
  static constexpr DurationMillis kTick = 500;
  static constexpr double kNowAndThen = 0.0002;  // of a tick: some forty minutes

  struct Server {
    bool open = false, silent = false, gone = false;
    DurationMillis answers_at = 0, shutdown_at = 0;
    UnixMillis stated = 0;  // everything up to here
    std::vector<SocketEvent> on_the_way;
  };
  static KlineStreamOptions options(std::uint64_t seed) {
    KlineStreamOptions options = options_for({"a", "b"});
    options.jitter_seed = seed;
    options.lifetime = 2 * kHour;
    return options;
  }
  static UnixMillis close_of(UnixMillis t) { return t / kQuarter * kQuarter; }
  bool chance(double p) { return rng_.uniform() < p; }

  void obey() {
    for (const SocketCommand& command : supervisor_.take_commands()) {
      if (const auto* open = std::get_if<OpenSocket>(&command)) {
        servers_[open->socket].answers_at = now_ + static_cast<DurationMillis>(rng_.below(2000));
      } else {
        servers_[std::get<CloseSocket>(command).socket].gone = true;
      }
    }
  }

  template <typename What>
  void tell(int socket, Server& server, What what) {
    server.on_the_way.emplace_back().socket = socket;
    server.on_the_way.back().what = std::move(what);
  }

  void serve(int socket, Server& server) {
    if (server.gone || now_ < server.answers_at) return;
    if (!server.open) {
      if (chance(0.3)) return end(socket, server, false);
      server.open = true;
      server.stated = now_;
      tell(socket, server, SocketOpened{});
    }
    if (chance(kNowAndThen)) return end(socket, server, false);
    if (chance(kNowAndThen)) server.silent = true;
    if (chance(kNowAndThen) && server.shutdown_at == 0) {
      server.shutdown_at = now_ + static_cast<DurationMillis>(rng_.below(8000));
      tell(socket, server, SocketText{kShutdown});
    }
    if (server.shutdown_at != 0 && now_ >= server.shutdown_at) return end(socket, server, true);
    if (now_ % (20 * kSecond) == 0) tell(socket, server, SocketPing{});
    state(socket, server);
    for (SocketEvent& event : server.on_the_way) {
      event.at_us = now_ * 1000;
      supervisor_.on(event);
      supervisor_.step(now_);
      collect();
    }
    server.on_the_way.clear();
  }

  void state(int socket, Server& server) {
    for (UnixMillis close = close_of(server.stated) + kQuarter; close <= now_; close += kQuarter) {
      if (!server.silent)
        tell(socket, server, SocketText{kline_text("BTCUSDT", Interval::k15m, close - kQuarter, true, now_)});
    }
    server.stated = now_;
    if (!server.silent && now_ % (10 * kSecond) == 0)
      tell(socket, server, SocketText{kline_text("BTCUSDT", Interval::k15m, close_of(now_), false, now_)});
  }

  void end(int socket, Server& server, bool orderly) {
    server.gone = true;
    supervisor_.on({socket, now_ * 1000, SocketClosed{{ErrorCode::kUnavailable, "over"}, orderly}});
  }

  void collect() {
    for (const StreamEvent& event : supervisor_.take_events()) {
      if (const auto* candle = std::get_if<StreamCandle>(&event)) {
        last_heard_ = candle->event_time;
        if (const auto* whole = std::get_if<market::Candle>(&candle->candle)) ++given_[whole->open_time];
      } else if (std::holds_alternative<StreamDisconnected>(event)) {
        EXPECT_TRUE(std::exchange(connected_, false)) << "twice";
        holes_.emplace_back(last_heard_, std::numeric_limits<UnixMillis>::max());
      } else if (std::holds_alternative<StreamConnected>(event)) {
        EXPECT_FALSE(std::exchange(connected_, true)) << "twice";
        if (first_connected_ == 0) first_connected_ = now_ + kQuarter;
        if (!holes_.empty()) holes_.back().second = now_;
      }
    }
  }

  Rng rng_;
  StreamSupervisor supervisor_;
  UnixMillis now_ = kOpen, first_connected_ = 0, last_heard_ = kOpen;
  bool connected_ = false;
  std::map<int, Server> servers_;
  std::map<UnixMillis, int> given_;  // how often, by open time
  std::vector<std::pair<UnixMillis, UnixMillis>> holes_;
};

TEST(StreamSupervisorTest, WhateverHappensEachCloseComesOnceOrItsHoleIsTold) {
  std::size_t given = 0, holes = 0;
  std::int64_t handovers = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    Chaos chaos(seed);
    chaos.run(kDay);
    chaos.judge();
    given += chaos.given();
    holes += chaos.holes();
    handovers += chaos.counters().handovers;
  }
  EXPECT_GT(given, 12u * 80u) << "most candles arrive";
  EXPECT_GT(holes, 100u) << "and many are in danger";
  EXPECT_GT(handovers, 50);
}

}  // namespace
}  // namespace mop::exchange
