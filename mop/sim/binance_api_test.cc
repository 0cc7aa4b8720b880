#include "mop/sim/binance_api.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/sim/synthetic_market.h"

namespace mop::sim {
namespace {

namespace bj = boost::json;

constexpr UnixMillis kNow = 1'751'328'000'000 + 7 * kMinute;  // 2025-07-01 00:07
constexpr DurationMillis kStep = 15 * kMinute;
constexpr UnixMillis kRunning = kNow / kStep * kStep;

class BinanceApiTest : public testing::Test {
 protected:
  bj::value json(const std::string& target, int status = 200) {
    const ApiReply reply = api.handle("GET", target);
    EXPECT_EQ(reply.status, status) << target << " " << reply.body.substr(0, 200);
    auto value = parse_json(reply.body, "reply");
    EXPECT_TRUE(value.has_value()) << reply.body.substr(0, 200);
    return *value;
  }
  std::vector<std::int64_t> opens(const std::string& query) {
    std::vector<std::int64_t> times;
    const bj::value rows = json("/api/v3/klines?symbol=BTCUSDT&interval=15m" + query);
    for (const auto& row : rows.as_array()) {
      times.push_back(row.at(0).as_int64());
    }
    return times;
  }
  std::int64_t code(const std::string& target) { return json(target, 400).at("code").as_int64(); }

  SyntheticMarket market{{}};
  ManualClock clock{kNow};
  BinanceApi api{market, clock};
};

TEST_F(BinanceApiTest, PingAndTime) {
  EXPECT_TRUE(json("/api/v3/ping").as_object().empty());
  EXPECT_EQ(json("/api/v3/time").at("serverTime").as_int64(), kNow);
  EXPECT_EQ(json("/api/v3/nothing", 404).at("code").as_int64(), -1);
  EXPECT_EQ(api.handle("POST", "/api/v3/ping").status, 405);
}

TEST_F(BinanceApiTest, RowsHaveTheRealShape) {
  const bj::value reply = json("/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=2");
  const auto& rows = reply.as_array();
  ASSERT_EQ(rows.size(), 2u);
  const auto& row = rows[0].as_array();
  ASSERT_EQ(row.size(), 12u);
  for (const std::size_t i : {0u, 6u, 8u})
    EXPECT_TRUE(row[i].is_int64()) << i;
  for (const std::size_t i : {1u, 2u, 3u, 4u, 5u, 7u, 9u, 10u, 11u})
    EXPECT_TRUE(row[i].is_string()) << i;
  EXPECT_EQ(row[6].as_int64(), row[0].as_int64() + kHour - 1);
  EXPECT_EQ(row[11].as_string(), "0");
}

TEST_F(BinanceApiTest, DefaultsToTheNewest500AndTheOpenCandleIsLast) {
  const auto times = opens("");
  ASSERT_EQ(times.size(), 500u);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_EQ(times.back(), kRunning);
  EXPECT_EQ(opens("&limit=1000").size(), 1000u);
}

TEST_F(BinanceApiTest, BoundsAreInclusiveOpenTimes) {
  const UnixMillis t = kRunning - 100 * kStep;
  EXPECT_EQ(opens(fmt::format("&startTime={}&endTime={}", t, t)), (std::vector<std::int64_t>{t}));
  EXPECT_EQ(opens(fmt::format("&startTime={}&endTime={}", t, t + kStep)),
            (std::vector<std::int64_t>{t, t + kStep}));
  EXPECT_EQ(opens(fmt::format("&startTime={}&endTime={}", t, t + kStep - 1)), (std::vector<std::int64_t>{t}));
}

TEST_F(BinanceApiTest, AnUnalignedStartRoundsUp) {
  const UnixMillis t = kRunning - 100 * kStep;
  EXPECT_EQ(opens(fmt::format("&startTime={}&limit=1", t + 28 * kSecond)),
            (std::vector<std::int64_t>{t + kStep}));
}

TEST_F(BinanceApiTest, StartGivesTheOldestAndEndAloneTheNewest) {
  const UnixMillis a = kRunning - 100 * kStep, b = kRunning - 50 * kStep;
  EXPECT_EQ(opens(fmt::format("&startTime={}&limit=2", a)), (std::vector<std::int64_t>{a, a + kStep}));
  EXPECT_EQ(opens(fmt::format("&startTime={}&endTime={}&limit=2", a, b)),
            (std::vector<std::int64_t>{a, a + kStep}));
  EXPECT_EQ(opens(fmt::format("&endTime={}&limit=2", b)), (std::vector<std::int64_t>{b - kStep, b}));
  EXPECT_TRUE(opens(fmt::format("&startTime={}", kNow + kStep)).empty());
  EXPECT_TRUE(opens(fmt::format("&startTime={}&endTime={}", b, a)).empty());
  EXPECT_EQ(opens("&startTime=0&limit=1"), (std::vector<std::int64_t>{1'704'067'200'000}))
      << "the first of all";
}

TEST_F(BinanceApiTest, WrongParametersHaveBinancesCodes) {
  const std::string klines = "/api/v3/klines?";
  EXPECT_EQ(code(klines + "symbol=NOPEUSDT&interval=1h"), -1121);
  EXPECT_EQ(code(klines + "symbol=btcusdt&interval=1h"), -1100);
  EXPECT_EQ(code(klines + "interval=1h"), -1102);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT"), -1102);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&interval=1H"), -1120);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&interval=1h&foo=1"), -1104);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&symbol=BTCUSDT&interval=1h"), -1101);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&interval=1h&limit="), -1105);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&interval=1h&limit=1001"), -1130);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&interval=1h&limit=0"), -1130);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&interval=1h&limit=-5"), -1100);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&interval=1h&startTime=1e12"), -1100);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&interval=1h&endTime=123456789012345678901"), -1100);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT%2&interval=1h"), -1100);
  EXPECT_EQ(code(klines + "symbol=BTCUSDT&interval=1h&timeZone=x"), -1130);
  EXPECT_EQ(code("/api/v3/time?x=1"), -1104);
}

TEST_F(BinanceApiTest, ExchangeInfoListsSymbolsWithFiltersAndTheDead) {
  const auto info = json("/api/v3/exchangeInfo?showPermissionSets=false");
  EXPECT_EQ(info.at("symbols").as_array().size(), 26u);
  for (const auto& symbol : info.at("symbols").as_array()) {
    const bool dead = symbol.at("symbol") == "MATICUSDT" || symbol.at("symbol") == "XMRUSDT";
    EXPECT_EQ(symbol.at("status").as_string(), dead ? "BREAK" : "TRADING");
    EXPECT_TRUE(symbol.at("isSpotTradingAllowed").as_bool());
    EXPECT_TRUE(symbol.at("permissionSets").as_array().empty());
  }
  const auto one = json("/api/v3/exchangeInfo?symbol=PEPEUSDT");
  ASSERT_EQ(one.at("symbols").as_array().size(), 1u);
  EXPECT_EQ(one.at_pointer("/symbols/0/filters/0/tickSize").as_string(), "0.00000001");
  const auto two = json("/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D");
  EXPECT_EQ(two.at("symbols").as_array().size(), 2u);
  EXPECT_EQ(json("/api/v3/exchangeInfo?symbolStatus=BREAK").at("symbols").as_array().size(), 2u);
  EXPECT_EQ(code("/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22,%22NOPE%22%5D"), -1121);
  EXPECT_EQ(code("/api/v3/exchangeInfo?symbols=BTCUSDT"), -1100);
  EXPECT_EQ(code("/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22,%22BTCUSDT%22%5D"), -1151);
}

TEST_F(BinanceApiTest, CountsWeightAndLimitsAndBans) {
  BinanceApi small(market, clock, {30, 2});
  const auto ask = [&](const char* target) { return small.handle("GET", target); };
  EXPECT_EQ(ask("/api/v3/exchangeInfo").headers.at("X-MBX-USED-WEIGHT-1M"), "20");
  EXPECT_EQ(ask("/api/v3/klines?symbol=BTCUSDT&interval=1h").headers.at("X-MBX-USED-WEIGHT-1M"), "22");
  EXPECT_EQ(ask("/api/v3/time").headers.at("X-MBX-USED-WEIGHT-1M"), "23");
  const ApiReply over = ask("/api/v3/exchangeInfo");
  EXPECT_EQ(over.status, 429);
  EXPECT_EQ(over.headers.at("Retry-After"), "60") << "the clock stands at the start of a minute";
  EXPECT_NE(over.body.find("-1003"), std::string::npos);
  EXPECT_EQ(ask("/api/v3/time").status, 429);
  const ApiReply banned = ask("/api/v3/time");
  EXPECT_EQ(banned.status, 418);
  EXPECT_EQ(banned.headers.at("Retry-After"), "120");
  clock.set(kNow + 2 * kMinute);
  EXPECT_EQ(ask("/api/v3/time").status, 200);
  EXPECT_EQ(small.requests(), 7);
}

}  // namespace
}  // namespace mop::sim
