// Faults as a client sees them, without sockets.
#include "mop/sim/request_handler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/sim/synthetic_market.h"

namespace mop::sim {
namespace {

namespace bj = boost::json;

constexpr UnixMillis kNow = 1'751'328'000'000 + 7 * kMinute;  // 2025-07-01 00:07
constexpr UnixMillis kStart = 1'751'328'000'000 - 24 * kHour;
const std::string kDay24 = fmt::format("/api/v3/klines?symbol=BTCUSDT&interval=1h&startTime={}", kStart);

class RequestHandlerTest : public testing::Test {
 protected:
  RequestHandler& with(std::string_view script) {
    auto parsed = FaultScript::parse(script);
    EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
    faults = std::make_unique<FaultScript>(parsed.value_or(std::vector<Fault>{}), 1);
    handler = std::make_unique<RequestHandler>(market, clock, *faults, ExchangeOptions{});
    return *handler;
  }
  Answer get(const std::string& target) { return handler->handle({"GET", target, "", false}); }
  bj::value json(const std::string& target) { return parse_json(get(target).reply.body, "reply").value(); }
  std::vector<std::int64_t> opens(const std::string& more = "") {
    std::vector<std::int64_t> times;
    const bj::value rows = json(kDay24 + more);
    for (const auto& row : rows.as_array())
      times.push_back(row.at(0).as_int64());
    return times;
  }

  SyntheticMarket market{{}};
  ManualClock clock{kNow};
  std::unique_ptr<FaultScript> faults;
  std::unique_ptr<RequestHandler> handler;
};

TEST_F(RequestHandlerTest, WireFaultsAreToldToTheServer) {
  with(R"({"do":"latency","ms":40}
{"do":"latency","ms":2,"count":1}
{"do":"reset","first":2,"count":1}
{"do":"truncate","first":3,"count":1}
{"do":"truncate","first":4,"count":1,"bytes":10}
{"do":"slow","first":5,"count":1,"bytes_per_second":100})");
  EXPECT_EQ(get(kDay24).wire.latency, 42);
  EXPECT_TRUE(get(kDay24).wire.reset);
  const Answer half = get(kDay24);
  EXPECT_EQ(half.wire.truncate_at, half.reply.body.size() / 2);
  EXPECT_EQ(get(kDay24).wire.truncate_at, 10u);
  EXPECT_EQ(get(kDay24).wire.bytes_per_second, 100);
  EXPECT_EQ(get(kDay24).wire.latency, 40);
}

TEST_F(RequestHandlerTest, StatusFaultsReplaceTheAnswer) {
  with(R"({"do":"status","status":429,"retry_after":7,"count":1})");
  const Answer limited = get(kDay24);
  EXPECT_EQ(limited.reply.status, 429);
  EXPECT_EQ(limited.reply.headers.at("Retry-After"), "7");
  EXPECT_EQ(get(kDay24).reply.status, 200);
}

TEST_F(RequestHandlerTest, AGapTakesCandlesOutAndThePageIsFilledFromBehindIt) {
  with(R"({"do":"gap","symbol":"BTCUSDT","from":"2025-06-30T02:00","until":"2025-06-30T04:00"})");
  const auto times = opens("&limit=5");
  EXPECT_EQ(times, (std::vector<std::int64_t>{kStart, kStart + kHour, kStart + 4 * kHour, kStart + 5 * kHour,
                                              kStart + 6 * kHour}));
  EXPECT_EQ(opens().size(), 23u);
}

TEST_F(RequestHandlerTest, AFaultOfTheMarketCountsWhereItChangedTheAnswer) {
  with(R"({"do":"gap","from":"2025-06-30T02:00","until":"2025-06-30T04:00"}
{"do":"misalign","ms":7,"from":"2025-06-30T02:00","until":"2025-06-30T04:00","symbol":"ETHUSDT"}
{"do":"latency","ms":1})");
  get("/api/v3/time");
  EXPECT_EQ(faults->strikes(), (std::vector<std::int64_t>{0, 0, 1}));
  get(kDay24);
  EXPECT_EQ(faults->strikes(), (std::vector<std::int64_t>{1, 0, 2}));
}

TEST_F(RequestHandlerTest, DuplicateAndMisalignedRows) {
  with(R"({"do":"duplicate","from":"2025-06-30T01:00","until":"2025-06-30T02:00","count":1}
{"do":"misalign","ms":7000,"from":"2025-06-30T01:00","until":"2025-06-30T02:00","first":2,"count":1})");
  EXPECT_EQ(opens("&limit=3"), (std::vector<std::int64_t>{kStart, kStart + kHour, kStart + kHour}));
  EXPECT_EQ(opens("&limit=2"), (std::vector<std::int64_t>{kStart, kStart + kHour + 7000}));
  EXPECT_EQ(opens("&limit=2"), (std::vector<std::int64_t>{kStart, kStart + kHour}));
}

TEST_F(RequestHandlerTest, ACandleIsRevisedOnceItHasSettled) {
  with(R"({"do":"revise","ms":600000})");
  const auto newest_closed = [&] { return json(kDay24).at_pointer("/23/4").as_string(); };
  const auto first = newest_closed();
  EXPECT_EQ(first, json(kDay24).at_pointer("/23/1").as_string()) << "closes where it opened, at first";
  clock.set(kNow + 10 * kMinute);
  EXPECT_NE(newest_closed(), first);
  const auto settled = newest_closed();
  with("");
  EXPECT_EQ(newest_closed(), settled);
}

TEST_F(RequestHandlerTest, ASkewedClockIsConsistentWithinAnAnswer) {
  with(R"({"do":"clock_skew","ms":3600000})");
  EXPECT_EQ(json("/api/v3/time").at("serverTime").as_int64(), kNow + kHour);
  EXPECT_EQ(opens().back(), kStart + 25 * kHour) << "the hour that runs at the skewed time";
}

TEST_F(RequestHandlerTest, ListingsBreakAppearAndLoseTheirFilters) {
  with(R"({"do":"listing","symbol":"BTCUSDT","listing_status":"BREAK","from":"2025-06-30T05:30"}
{"do":"listing","symbol":"ETHUSDT","filters":false}
{"do":"listing","symbol":"币安人生USDT","listing_status":"AUCTION_MATCH"})");
  std::map<std::string, bj::object> by_name;
  const bj::value info = json("/api/v3/exchangeInfo");
  for (const auto& symbol : info.at("symbols").as_array())
    by_name[std::string(symbol.at("symbol").as_string())] = symbol.as_object();
  EXPECT_EQ(by_name.at("BTCUSDT").at("status").as_string(), "BREAK");
  EXPECT_TRUE(by_name.at("BTCUSDT").at("isSpotTradingAllowed").as_bool());
  EXPECT_TRUE(by_name.at("ETHUSDT").at("filters").as_array().empty());
  EXPECT_EQ(by_name.at("ETHUSDT").at("status").as_string(), "TRADING");
  EXPECT_EQ(by_name.at("币安人生USDT").at("status").as_string(), "AUCTION_MATCH");
  EXPECT_EQ(opens().back(), kStart + 5 * kHour) << "history stays, nothing follows";
}

TEST_F(RequestHandlerTest, ACorruptArchiveFileNoLongerFitsItsChecksum) {
  with(R"({"do":"corrupt","path":"*.zip","count":1})");
  const std::string zip = "/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip";
  const std::string bad = get(zip).reply.body, good = get(zip).reply.body;
  EXPECT_EQ(bad.size(), good.size());
  EXPECT_NE(bad, good);
}

TEST_F(RequestHandlerTest, GzipAndMicrosecondsOnRequest) {
  with("");
  const Answer zipped = handler->handle({"GET", kDay24, "", true});
  EXPECT_EQ(zipped.reply.headers.at("Content-Encoding"), "gzip");
  EXPECT_LT(zipped.reply.body.size(), get(kDay24).reply.body.size());
  const Answer micros = handler->handle({"GET", kDay24 + "&limit=1", "MICROSECOND", false});
  EXPECT_TRUE(micros.reply.body.starts_with(fmt::format("[[{}000,", kStart))) << micros.reply.body;
  EXPECT_NE(micros.reply.body.find(fmt::format(",{}999,", kStart + kHour - 1)), std::string::npos);
  EXPECT_NE(handler->handle({"GET", kDay24, "SECOND", false}).reply.body.find("-1194"), std::string::npos);
}

TEST_F(RequestHandlerTest, ThreeHundredStreamConnectionsInFiveMinutes) {
  with("");
  for (int i = 0; i < 300; ++i)
    ASSERT_NE(handler->open_stream("/ws").session, nullptr) << i;
  const StreamAnswer refused = handler->open_stream("/ws");
  EXPECT_EQ(refused.session, nullptr);
  EXPECT_EQ(refused.refusal.reply.status, 429);
  clock.set(kNow + 5 * kMinute);
  EXPECT_NE(handler->open_stream("/ws").session, nullptr);
  EXPECT_EQ(handler->open_stream("/nowhere").refusal.reply.status, 404);
}

TEST_F(RequestHandlerTest, TheClockIsSetOverHttpOnlyWhereItMayBe) {
  with("");
  EXPECT_EQ(handler->handle({"POST", "/sim/clock?advance_ms=1", "", false}).reply.status, 400);
  ScaledClock settable(clock, kNow, 1.0);
  ExchangeOptions options;
  options.settable = &settable;
  RequestHandler own(market, settable, *faults, options);
  const auto post = [&](const char* query) {
    return own.handle({"POST", std::string("/sim/clock?") + query, "", false}).reply;
  };
  EXPECT_EQ(post("advance_ms=60000").status, 200);
  EXPECT_EQ(settable.now(), kNow + kMinute);
  EXPECT_EQ(post("now=2025-01-01T00:00&speed=x60").body, R"({"now":1735689600000,"speed":60})");
  clock.set(kNow + kSecond);
  EXPECT_EQ(settable.now(), 1'735'689'600'000 + kMinute);
  for (const char* bad : {"now=soon", "advance_ms=-1", "speed=0", "colour=red"})
    EXPECT_EQ(post(bad).status, 400) << bad;
}

}  // namespace
}  // namespace mop::sim
