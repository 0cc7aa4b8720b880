#include "mop/exchange/binance_rest.h"

#include <set>

#include <gtest/gtest.h>

#include "mop/exchange/fake_transport.h"
#include "mop/exchange/hosts.h"

namespace mop::exchange {
namespace {

constexpr UnixMillis kStart = 1'751'328'000'000;  // 2025-07-01 00:00:00, the start of a minute

HttpReply ok(std::string body, std::map<std::string, std::string> headers = {}) {
  return {200, std::move(headers), std::move(body)};
}
HttpReply bad(int status, std::string body = "", std::map<std::string, std::string> headers = {}) {
  return {status, std::move(headers), std::move(body)};
}
HttpReply time_reply() {
  return ok(R"({"serverTime":1751328000000})");
}
Result<HttpReply> lost() {
  return fail(ErrorCode::kUnavailable, "api.binance.com could not be asked: timeout");
}

struct Fixture {
  explicit Fixture(std::vector<Result<HttpReply>> replies, BinanceOptions options = {})
      : transport(scripted(std::move(replies))), rest(transport, clock, std::move(options)) {}
  FakeTransport transport;
  ManualClock clock{kStart};
  BinanceRest rest;
};

TEST(BinanceRestTest, RepeatsWhatPassesWithGrowingPauses) {
  const std::vector<Result<HttpReply>> passing{
      lost(), bad(500), bad(502, "<html>bad gateway</html>"), bad(504),
      bad(503, R"({"code":-1008,"msg":"Server is currently overloaded"})")};
  for (const auto& failure : passing) {
    Fixture f({failure, failure, time_reply()});
    ASSERT_EQ(f.rest.server_time().value(), kStart);
    EXPECT_EQ(f.rest.counters().requests, 3);
    EXPECT_EQ(f.rest.counters().retries, 2);
    EXPECT_GE(f.clock.slept(), 250 + 500);
    EXPECT_LE(f.clock.slept(), 500 + 1000);
  }
}

TEST(BinanceRestTest, RepeatsThePassingCodesOfA400) {
  for (const int code : {-1000, -1001, -1003, -1006, -1007, -1008, -1016}) {
    Fixture f({bad(400, "{\"code\":" + std::to_string(code) + ",\"msg\":\"later\"}"), time_reply()});
    EXPECT_TRUE(f.rest.server_time().has_value()) << code;
    EXPECT_EQ(f.rest.counters().requests, 2) << code;
  }
}

TEST(BinanceRestTest, GivesUpAfterItsAttempts) {
  BinanceOptions options;
  options.max_attempts = 4;
  Fixture f({bad(503)}, options);
  const auto answer = f.rest.server_time();
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(answer.error().message.find("503"), std::string::npos);
  EXPECT_NE(answer.error().message.find("4 attempts"), std::string::npos) << answer.error().message;
  EXPECT_EQ(f.rest.counters().requests, 4);
}

TEST(BinanceRestTest, WaitsAsLongAsA429Says) {
  Fixture f({bad(429, R"({"code":-1003,"msg":"Too many requests"})", {{"retry-after", "37"}}), time_reply()});
  ASSERT_TRUE(f.rest.server_time().has_value());
  EXPECT_EQ(f.clock.slept(), 37 * kSecond);
  EXPECT_EQ(f.rest.counters().http_429, 1);
  EXPECT_EQ(f.rest.counters().requests, 2);
}

TEST(BinanceRestTest, A429WithoutOrWithSillyRetryAfterStillWaits) {
  for (const char* header : {"", "-5", "soon", "99999999999999999999", "1e3"}) {
    Fixture f({bad(429, "", {{"retry-after", header}}), time_reply()});
    ASSERT_TRUE(f.rest.server_time().has_value()) << header;
    EXPECT_GE(f.clock.slept(), kSecond) << header;
    EXPECT_LE(f.clock.slept(), kMinute) << header;
  }
}

TEST(BinanceRestTest, A429OfAnHourIsLeftToThePerson) {
  Fixture f({bad(429, "", {{"retry-after", "3600"}})});
  const auto answer = f.rest.server_time();
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(f.rest.counters().requests, 1);
}

TEST(BinanceRestTest, A418StopsEverythingAndSaysUntilWhen) {
  Fixture f({bad(418, R"({"code":-1003,"msg":"IP banned until 1751328120000"})", {{"retry-after", "120"}}),
             time_reply()});
  const auto first = f.rest.server_time();
  ASSERT_FALSE(first.has_value());
  EXPECT_EQ(first.error().code, ErrorCode::kRateLimited);
  EXPECT_NE(first.error().message.find("2025-07-01 00:02"), std::string::npos) << first.error().message;
  const auto second = f.rest.klines({"BTCUSDT", market::Interval::k1h, {}, {}, 5});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(f.rest.counters().requests, 1) << "a banned client must not knock again";
  EXPECT_EQ(f.rest.counters().http_418, 1);
  f.clock.set(kStart + 2 * kMinute + 1);
  EXPECT_TRUE(f.rest.server_time().has_value()) << "the ban is over";
}

TEST(BinanceRestTest, LocationAndFirewallAreFinalAndExplained) {
  const std::vector<HttpReply> blocked{
      bad(451, R"({"code":0,"msg":"Service unavailable from a restricted location"})"),
      bad(403, "<html><body>Forbidden</body></html>")};
  for (const HttpReply& reply : blocked) {
    Fixture f({reply});
    const auto answer = f.rest.server_time();
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(answer.error().message.find(std::to_string(reply.status)), std::string::npos);
    EXPECT_NE(answer.error().message.find("HTTPS_PROXY"), std::string::npos);
    EXPECT_EQ(f.rest.counters().requests, 1);
  }
}

TEST(BinanceRestTest, UnknownSymbolIsNamedAndFinal) {
  Fixture f({bad(400, R"({"code":-1121,"msg":"Invalid symbol."})")});
  const auto answer = f.rest.klines({"NOPEUSDT", market::Interval::k15m, {}, {}, 10});
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kNotFound);
  EXPECT_NE(answer.error().message.find("NOPEUSDT"), std::string::npos);
  EXPECT_EQ(f.rest.counters().requests, 1);
}

TEST(BinanceRestTest, OtherRefusalsAreFinalAndCleaned) {
  Fixture f({bad(400, "{\"code\":-1104,\"msg\":\"Not all sent parameters were read\\u001b[31m\"}")});
  const auto answer = f.rest.server_time();
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(answer.error().message.find('\x1b'), std::string::npos)
      << "no control characters on the terminal";
}

TEST(BinanceRestTest, ACutOffBodyIsAskedForAgain) {
  Fixture f({ok(R"([[1593306000000,"8982.5)"), ok("[]")});
  EXPECT_TRUE(f.rest.klines({"BTCUSDT", market::Interval::k1h, {}, {}, 10}).has_value());
  EXPECT_EQ(f.rest.counters().requests, 2);
}

TEST(BinanceRestTest, WrongJsonIsGivenUpSoonAndNamed) {
  Fixture f({ok(R"({"not":"klines"})")});
  const auto answer = f.rest.klines({"BTCUSDT", market::Interval::k1h, {}, {}, 10});
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(answer.error().message.find("BTCUSDT 1h"), std::string::npos) << answer.error().message;
  EXPECT_EQ(f.rest.counters().requests, 4);
}

TEST(BinanceRestTest, ErrorsThatNoRepetitionMendsAreNotRepeated) {
  for (const ErrorCode code : {ErrorCode::kIo, ErrorCode::kInvalidArgument, ErrorCode::kInterrupted}) {
    Fixture f({fail(code, "certificate not trusted")});
    EXPECT_EQ(f.rest.server_time().error().code, code);
    EXPECT_EQ(f.rest.counters().requests, 1);
  }
}

TEST(BinanceRestTest, WritesTheUrlsBinanceDocuments) {
  BinanceOptions options;
  options.base_url = "http://127.0.0.1:1/";
  Fixture f({ok("[]"), ok("[]"), ok(R"({"symbols":[]})")}, options);
  (void)f.rest.klines({"BTCUSDT", market::Interval::k15m, 5, 9, 1000});
  (void)f.rest.klines({"币USDT", market::Interval::k1h, {}, {}, 7});
  (void)f.rest.exchange_info({"BTCUSDT", "ETHUSDT"});
  ASSERT_EQ(f.transport.urls().size(), 3u);
  EXPECT_EQ(f.transport.urls()[0],
            "http://127.0.0.1:1/api/v3/klines?symbol=BTCUSDT&interval=15m&startTime=5&endTime=9&limit=1000");
  EXPECT_EQ(f.transport.urls()[1],
            "http://127.0.0.1:1/api/v3/klines?symbol=%E5%B8%81USDT&interval=1h&limit=7");
  EXPECT_EQ(f.transport.urls()[2],
            "http://127.0.0.1:1/api/v3/exchangeInfo?showPermissionSets=false&symbols="
            "%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D");
  EXPECT_EQ(f.rest.klines({"BTCUSDT", market::Interval::k1h, {}, {}, 1001}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(f.transport.urls().size(), 3u) << "a limit above 1000 is never sent";
}

TEST(BinanceRestTest, PausesUntilTheNextMinuteWhenItsShareIsUsed) {
  ManualClock clock{kStart + 10 * kSecond};
  BinanceOptions options;
  options.weight_share = 0.5;  // 3000 of 6000
  std::vector<UnixMillis> sent;
  FakeTransport transport([&](const std::string&, std::size_t number) -> Result<HttpReply> {
    sent.push_back(clock.now());
    return ok("[]", {{"x-mbx-used-weight-1m", number == 0 ? "2999" : "2"}});
  });
  BinanceRest rest(transport, clock, options);
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(rest.klines({"BTCUSDT", market::Interval::k1h, {}, {}, 5}).has_value());
  EXPECT_EQ(sent[0], kStart + 10 * kSecond);
  EXPECT_GE(sent[1], kStart + kMinute);
  EXPECT_LE(sent[1], kStart + kMinute + kSecond);
  EXPECT_EQ(sent[2], sent[1]);
  EXPECT_EQ(rest.counters().peak_weight, 2999);
  EXPECT_EQ(rest.counters().weight_used, 6);
}

TEST(BinanceRestTest, TakesTheLimitFromExchangeInfo) {
  Fixture f({ok(R"({"symbols":[],"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE",
                   "intervalNum":1,"limit":100}]})",
                {{"x-mbx-used-weight-1m", "79"}}),
             ok("[]", {{"x-mbx-used-weight-1m", "2"}})});
  ASSERT_TRUE(f.rest.exchange_info({}).has_value());
  ASSERT_TRUE(f.rest.klines({"BTCUSDT", market::Interval::k1h, {}, {}, 5}).has_value());
  EXPECT_GE(f.clock.slept(), kMinute) << "79 + 2 is above 80 % of 100";
}

TEST(BinanceRestTest, CountsMinutesByTheServersClock) {
  // The server's minute ends 50 s after ours began.
  Fixture f({ok(R"({"serverTime":1751328010000})", {{"x-mbx-used-weight-1m", "5000"}}), ok("[]")});
  ASSERT_TRUE(f.rest.server_time().has_value());
  ASSERT_TRUE(f.rest.klines({"BTCUSDT", market::Interval::k1h, {}, {}, 5}).has_value());
  EXPECT_GE(f.clock.slept(), 50 * kSecond);
  EXPECT_LE(f.clock.slept(), 51 * kSecond);
}

TEST(BinanceRestTest, AShareSmallerThanOneRequestStillMakesProgress) {
  BinanceOptions options;
  options.weight_share = 0.0001;
  Fixture f({ok("[]")}, options);
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(f.rest.klines({"BTCUSDT", market::Interval::k1h, {}, {}, 5}).has_value());
  EXPECT_GE(f.clock.slept(), 2 * kMinute);
}

BinanceOptions two_hosts() {
  BinanceOptions options;
  options.base_url = "https://one";
  options.other_hosts = {"https://two"};
  return options;
}

TEST(HostsTest, BinancesHostsStandInForEachOtherAndNobodyElseFor) {
  const auto hosts = hosts_from("https://api2.binance.com/");
  EXPECT_EQ(hosts.front(), "https://api2.binance.com");
  EXPECT_EQ(hosts.back(), "https://data-api.binance.vision") << "market data only: the last one to ask";
  EXPECT_EQ(std::set<std::string>(hosts.begin(), hosts.end()).size(), 7u);
  const std::vector<std::string> alone{"http://127.0.0.1:9000"};
  EXPECT_EQ(hosts_from("http://127.0.0.1:9000/"), alone);
}

TEST(HostsTest, StreamsOfAnAddress) {
  const auto binance = stream_hosts_from("https://api.binance.com");
  ASSERT_EQ(binance.size(), 3u);
  EXPECT_EQ(binance.front(), "wss://stream.binance.com:9443");
  EXPECT_EQ(binance.back(), "wss://data-stream.binance.vision") << "market data only: the last one to ask";
  using Hosts = std::vector<std::string>;
  EXPECT_EQ(stream_hosts_from("http://127.0.0.1:9000/"), Hosts{"ws://127.0.0.1:9000"});
  EXPECT_EQ(stream_hosts_from("https://proxy.example"), Hosts{"wss://proxy.example"});
  EXPECT_EQ(stream_hosts_from("ws://127.0.0.1:9000"), Hosts{"ws://127.0.0.1:9000"});
}

TEST(HostsTest, LoopbackIsTheHostAndNotWhatAnAddressBeginsWith) {
  for (const char* yes :
       {"http://127.0.0.1", "http://127.0.0.1:9000/a", "https://localhost/", "ws://[::1]:1?x"})
    EXPECT_TRUE(is_loopback(yes)) << yes;
  for (const char* no : {"http://127.0.0.1.example.org", "http://localhost:x@example.org/", "127.0.0.1",
                         "http://example.org/?http://localhost", "https://localhost.", ""})
    EXPECT_FALSE(is_loopback(no)) << no;
}

TEST(HostsTest, SecretsGoInTheClearToThisMachineOnly) {
  EXPECT_TRUE(may_carry_secrets("https://huggingface.co"));
  EXPECT_TRUE(may_carry_secrets("http://127.0.0.1:9000"));
  EXPECT_FALSE(may_carry_secrets("http://huggingface.co"));
  EXPECT_FALSE(may_carry_secrets("http://127.0.0.1.example.com"));
  EXPECT_FALSE(may_carry_secrets("ws://127.0.0.1:9000"));
}

TEST(BinanceRestTest, ABlockedHostIsLeftForTheNextAndNotAskedAgain) {
  for (const int status : {451, 403}) {
    Fixture f({bad(status), time_reply()}, two_hosts());
    ASSERT_TRUE(f.rest.server_time().has_value());
    ASSERT_TRUE(f.rest.server_time().has_value());
    const auto& urls = f.transport.urls();
    ASSERT_EQ(urls.size(), 3u);
    EXPECT_TRUE(urls[0].starts_with("https://one/"));
    EXPECT_TRUE(urls[1].starts_with("https://two/"));
    EXPECT_TRUE(urls[2].starts_with("https://two/"));
    EXPECT_EQ(f.rest.host(), "https://two");
    EXPECT_EQ(f.rest.counters().host_changes, 1);
    EXPECT_EQ(f.clock.slept(), 0) << "another host need not be waited for";
  }
}

TEST(BinanceRestTest, ASilentHostIsLeftAfterTwoTries) {
  Fixture f({lost(), lost(), time_reply()}, two_hosts());
  ASSERT_TRUE(f.rest.server_time().has_value());
  EXPECT_TRUE(f.transport.urls()[1].starts_with("https://one/"));
  EXPECT_TRUE(f.transport.urls()[2].starts_with("https://two/"));
}

TEST(BinanceRestTest, WhenEveryHostBlocksTheReasonIsTold) {
  Fixture f({bad(451)}, two_hosts());
  const auto answer = f.rest.server_time();
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(f.rest.counters().requests, 2);
  EXPECT_NE(answer.error().message.find("ccxt:"), std::string::npos) << answer.error().message;
}

}  // namespace
}  // namespace mop::exchange
