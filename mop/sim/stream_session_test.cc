// The rules of the streams by an injected clock: no sockets, no waiting.
#include "mop/sim/stream_session.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/sim/synthetic_market.h"

namespace mop::sim {
namespace {

namespace bj = boost::json;

constexpr UnixMillis kHourStart = 1'751'328'000'000;             // 2025-07-01 00:00
constexpr UnixMillis kNow = kHourStart + 14 * kMinute + 55'500;  // 4.5 s before a close

class StreamSessionTest : public testing::Test {
 protected:
  StreamSession& open(const std::string& target, std::string_view script = "") {
    auto faults = FaultScript::parse(script);
    EXPECT_TRUE(faults.has_value()) << faults.error().message;
    session = StreamSession::open(target, market, faults.value_or(std::vector<Fault>{}), rules, now);
    EXPECT_NE(session, nullptr) << target;
    return *session;
  }
  /// Steps up to `until` a tenth of a second at a time; what was sent.
  std::vector<Frame> run(UnixMillis until) {
    std::vector<Frame> frames;
    while (now < until) {
      now = std::min(until, now + 100);
      session->step(now);
      for (Frame& frame : session->take())
        frames.push_back(std::move(frame));
    }
    return frames;
  }
  std::vector<bj::value> events(UnixMillis until) {
    std::vector<bj::value> out;
    for (const Frame& frame : run(until)) {
      if (frame.kind == Frame::Kind::kText) out.push_back(parse_json(frame.payload, "frame").value());
    }
    return out;
  }
  std::string say(std::string_view text) {
    now += kSecond;  // never too fast
    session->on_text(text, now);
    const auto frames = session->take();
    EXPECT_EQ(frames.size(), 1u) << text;
    return frames.empty() ? "" : frames[0].payload;
  }
  std::size_t pings(const std::vector<Frame>& frames) {
    return static_cast<std::size_t>(std::count_if(
        frames.begin(), frames.end(), [](const Frame& f) { return f.kind == Frame::Kind::kPing; }));
  }
  market::Candle candle(UnixMillis open) {
    return market.candles("BTCUSDT", market::Interval::k15m, {open, open, 1, false}, now)->front();
  }

  SyntheticMarket market{{}};
  StreamRules rules;
  UnixMillis now = kNow;
  std::unique_ptr<StreamSession> session;
};

TEST_F(StreamSessionTest, PushesEveryTwoSecondsAndTheCloseOnceThenTheNextCandle) {
  open("/ws/btcusdt@kline_15m");
  const auto pushed = events(kHourStart + 15 * kMinute + 4 * kSecond);
  std::vector<std::pair<std::int64_t, bool>> seen;
  for (const auto& event : pushed)
    seen.emplace_back(event.at("E").as_int64() - kHourStart - 15 * kMinute,
                      event.at_pointer("/k/x").as_bool());
  EXPECT_EQ(seen, (std::vector<std::pair<std::int64_t, bool>>{
                      {-4000, false}, {-2000, false}, {0, true}, {0, false}, {2000, false}, {4000, false}}));
  EXPECT_EQ(pushed[2].at_pointer("/k/t").as_int64(), kHourStart);
  EXPECT_EQ(pushed[3].at_pointer("/k/t").as_int64(), kHourStart + 15 * kMinute);
  EXPECT_EQ(pushed[0].at("s").as_string(), "BTCUSDT");
  EXPECT_EQ(pushed[0].at_pointer("/k/T").as_int64(), kHourStart + 15 * kMinute - 1);
}

TEST_F(StreamSessionTest, AClosedCandleIsTheOneOfRestDigitByDigit) {
  open("/ws/btcusdt@kline_15m");
  const auto pushed = events(kHourStart + 15 * kMinute);
  const bj::object k = pushed.at(2).at("k").as_object();
  const market::Candle stated = candle(kHourStart);
  EXPECT_EQ(k.at("o").as_string(), bj::string(stated.open.text()));
  EXPECT_EQ(k.at("h").as_string(), bj::string(stated.high.text()));
  EXPECT_EQ(k.at("l").as_string(), bj::string(stated.low.text()));
  EXPECT_EQ(k.at("c").as_string(), bj::string(stated.close.text()));
  EXPECT_EQ(k.at("v").as_string(), bj::string(stated.volume.text()));
  EXPECT_EQ(k.at("q").as_string(), bj::string(stated.quote_volume.text()));
  EXPECT_EQ(k.at("V").as_string(), bj::string(stated.taker_buy_base.text()));
  EXPECT_EQ(k.at("Q").as_string(), bj::string(stated.taker_buy_quote.text()));
  EXPECT_EQ(k.at("n").as_int64(), stated.trades);
  EXPECT_EQ(k.at("L").as_int64() - k.at("f").as_int64() + 1, stated.trades);
}

TEST_F(StreamSessionTest, CombinedStreamsNameTheirStream) {
  open("/stream?streams=btcusdt@kline_15m%2Fethusdt@kline_1h/xmrusdt@kline_15m");
  const auto pushed = events(kNow + 2 * kSecond);
  ASSERT_EQ(pushed.size(), 2u) << "XMR no longer trades: nothing is pushed";
  EXPECT_EQ(pushed[0].at("stream").as_string(), "btcusdt@kline_15m");
  EXPECT_EQ(pushed[1].at("stream").as_string(), "ethusdt@kline_1h");
  EXPECT_EQ(pushed[1].at_pointer("/data/k/i").as_string(), "1h");
}

TEST_F(StreamSessionTest, AClockThatJumpedStatesEveryCloseInOrder) {
  open("/ws/btcusdt@kline_15m");
  now = kNow + kHour;
  session->step(now);
  std::vector<std::pair<std::int64_t, bool>> seen;
  for (const Frame& frame : session->take()) {
    if (frame.kind != Frame::Kind::kText) continue;
    const bj::value event = parse_json(frame.payload, "frame").value();
    seen.emplace_back((event.at_pointer("/k/t").as_int64() - kHourStart) / kMinute,
                      event.at_pointer("/k/x").as_bool());
  }
  EXPECT_EQ(seen, (std::vector<std::pair<std::int64_t, bool>>{
                      {0, true}, {15, true}, {30, true}, {45, true}, {60, false}}));
}

TEST_F(StreamSessionTest, MicrosecondsOnRequest) {
  open("/stream?streams=btcusdt@kline_15m&timeUnit=MICROSECOND");
  const auto pushed = events(kNow + 2 * kSecond);
  ASSERT_EQ(pushed.size(), 1u);
  EXPECT_EQ(pushed[0].at_pointer("/data/k/t").as_int64(), kHourStart * 1000);
  EXPECT_EQ(pushed[0].at_pointer("/data/k/T").as_int64(), (kHourStart + 15 * kMinute) * 1000 - 1);
}

TEST_F(StreamSessionTest, CommandsWithNumericTextAndNullIds) {
  open("/ws");
  EXPECT_EQ(say(R"({"method":"SUBSCRIBE","params":["btcusdt@kline_15m","nope@trade"],"id":1})"),
            R"({"result":null,"id":1})");
  EXPECT_EQ(say(R"({"method":"LIST_SUBSCRIPTIONS","id":"a1b2"})"),
            R"({"result":["btcusdt@kline_15m","nope@trade"],"id":"a1b2"})");
  EXPECT_EQ(say(R"({"method":"GET_PROPERTY","params":["combined"],"id":null})"),
            R"({"result":false,"id":null})");
  EXPECT_EQ(say(R"({"method":"SET_PROPERTY","params":["combined",true],"id":-5})"),
            R"({"result":null,"id":-5})");
  EXPECT_EQ(events(now + 2 * kSecond).at(0).at("stream").as_string(), "btcusdt@kline_15m");
  EXPECT_EQ(say(R"({"method":"UNSUBSCRIBE","params":["btcusdt@kline_15m"]})"),
            R"({"result":null,"id":null})");
  EXPECT_TRUE(events(now + 5 * kSecond).empty()) << "a misspelt stream is acknowledged and silent";
}

TEST_F(StreamSessionTest, WrongCommandsHaveCodes) {
  open("/ws");
  const auto code = [&](std::string_view text) {
    const bj::value error = parse_json(say(text), "error").value();
    EXPECT_FALSE(error.at("msg").as_string().empty());
    return error.at("code").as_int64();
  };
  EXPECT_EQ(code(R"({"method":"GET_PROPERTY","params":["colour"],"id":1})"), 0);
  EXPECT_EQ(code(R"({"method":"SET_PROPERTY","params":["combined","yes"],"id":1})"), 1);
  EXPECT_EQ(code(R"({"method":"SHOUT","params":[],"id":1})"), 2);
  EXPECT_EQ(code(R"({"params":[],"id":1})"), 2);
  EXPECT_EQ(code(R"({"method":"SUBSCRIBE","params":[1],"id":1})"), 2);
  EXPECT_EQ(code(R"({"method":"SUBSCRIBE","params":"a","id":1})"), 2);
  EXPECT_EQ(code(R"({"method":"SUBSCRIBE","params":[],"id":1.5})"), 2);
  EXPECT_EQ(code(R"({"method":"LIST_SUBSCRIPTIONS","id":"0123456789012345678901234567890123456"})"), 2)
      << "37 characters";
  EXPECT_EQ(code("[]"), 2);
  EXPECT_EQ(code("hello"), 3);
}

TEST_F(StreamSessionTest, PingsEveryTwentySecondsAndWaitsAMinuteForTheRightPong) {
  open("/ws");
  const auto first = run(kNow + 20 * kSecond);
  ASSERT_EQ(pings(first), 1u);
  session->on_pong(first[0].payload, now);
  EXPECT_EQ(pings(run(kNow + 60 * kSecond)), 2u);
  session->on_pong("", now);            // unsolicited
  session->on_pong("1234567890", now);  // not what was sent
  EXPECT_EQ(pings(run(kNow + 100 * kSecond - 1)), 1u);
  EXPECT_FALSE(session->ended()) << "the ping at 40 s has until 100 s";
  const auto last = run(kNow + 100 * kSecond);
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].kind, Frame::Kind::kClose);
  EXPECT_EQ(last[0].close_code, 1008);
}

TEST_F(StreamSessionTest, APongAnswersItsPingAndThoseBefore) {
  open("/ws");
  const auto frames = run(kNow + 60 * kSecond);
  ASSERT_EQ(pings(frames), 3u);
  session->on_pong(frames.back().payload, now);
  run(kNow + 139 * kSecond);
  EXPECT_FALSE(session->ended());
}

TEST_F(StreamSessionTest, SixMessagesInASecondEndIt) {
  open("/ws");
  for (int i = 0; i < 3; ++i) {
    session->on_text(R"({"method":"LIST_SUBSCRIPTIONS","id":1})", now);
    session->on_ping(now);
    if (i == 1) {
      session->on_pong("", now);
      EXPECT_FALSE(session->ended());
    }
  }
  EXPECT_TRUE(session->ended());
  const auto frames = session->take();
  EXPECT_EQ(frames.back().kind, Frame::Kind::kClose);
  open("/ws");
  for (int i = 0; i < 50; ++i) {
    session->on_ping(now);
    now += 200;
  }
  EXPECT_FALSE(session->ended()) << "five a second is allowed";
}

TEST_F(StreamSessionTest, A1025thStreamEndsIt) {
  open("/ws");
  std::string names;
  for (int i = 0; i < 1024; ++i)
    names += fmt::format(R"({}"s{}usdt@kline_1h")", i ? "," : "", i);
  say(fmt::format(R"({{"method":"SUBSCRIBE","params":[{}],"id":1}})", names));
  EXPECT_EQ(session->subscriptions(), 1024u);
  EXPECT_FALSE(session->ended());
  session->on_text(R"({"method":"SUBSCRIBE","params":["one@more"],"id":2})", now + kMinute);
  EXPECT_TRUE(session->ended());
}

TEST_F(StreamSessionTest, LivesForADay) {
  open("/ws");
  now = kNow + kDay - 1;
  session->step(now);
  EXPECT_FALSE(session->ended());
  session->step(kNow + kDay);
  EXPECT_TRUE(session->ended());
}

TEST_F(StreamSessionTest, ServerShutdownInBothShapesThenTheEnd) {
  const char* script = R"({"do":"shutdown","ms":1000,"lead_ms":3000})";
  open("/ws", script);
  auto frames = run(kNow + 2 * kSecond);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].payload, fmt::format(R"({{"e":"serverShutdown","E":{}}})", kNow + 1000));
  EXPECT_EQ(run(kNow + 4 * kSecond).at(0).kind, Frame::Kind::kClose);
  now = kNow;
  open("/stream", script);
  frames = run(kNow + 2 * kSecond);
  EXPECT_EQ(
      frames.at(0).payload,
      fmt::format(R"({{"stream":"!serverShutdown","data":{{"e":"serverShutdown","E":{}}}}})", kNow + 1000));
}

TEST_F(StreamSessionTest, BreaksAndFallsSilentByScript) {
  open("/ws/btcusdt@kline_15m", R"({"do":"disconnect","ms":5000})");
  EXPECT_EQ(run(kNow + kMinute).back().kind, Frame::Kind::kBreak);
  now = kNow;
  open("/ws/btcusdt@kline_15m", R"({"do":"silence","ms":2000})");
  EXPECT_EQ(events(kNow + 30 * kSecond).size(), 1u);
  EXPECT_FALSE(session->ended());
}

TEST_F(StreamSessionTest, OtherAddressesAreNone) {
  for (const char* target : {"/", "/api/v3/ping", "/websocket", "/streams", "/ws%2"}) {
    EXPECT_EQ(StreamSession::open(target, market, {}, rules, now), nullptr) << target;
  }
  EXPECT_EQ(open("/ws/btcusdt@kline_1d@+08:00/btcusdt@kline_1h@+08:00/0").subscriptions(), 3u);
  EXPECT_EQ(events(kNow + 2 * kSecond).size(), 1u);
  EXPECT_EQ(open("/stream?streams=").subscriptions(), 0u);
}

}  // namespace
}  // namespace mop::sim
