#include <gtest/gtest.h>

#include "mop/serve/api.h"
#include "mop/serve/chart_svg.h"
#include "mop/serve/http_access.h"
#include "mop/serve/http_cache.h"
#include "mop/serve/http_test_support.h"
#include "mop/serve/rate_limiter.h"
#include "mop/serve/router.h"

namespace mop::serve {
namespace {

TEST(RateLimiterTest, ABurstThenTheRateForEachClientAlone) {
  RateLimiter limiter(10.0, 3.0);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(limiter.take("a", 1000), 0);
  EXPECT_EQ(limiter.take("a", 1000), 100);
  EXPECT_EQ(limiter.take("b", 1000), 0);
  EXPECT_EQ(limiter.take("a", 1050), 50) << "being refused costs nothing";
  EXPECT_EQ(limiter.take("a", 1100), 0);
  EXPECT_EQ(limiter.take("a", 500), 100) << "a clock that jumps back gives nothing";
  EXPECT_EQ(limiter.take("a", 600), 0) << "and takes nothing";
}

TEST(RateLimiterTest, RemembersABoundedNumberOfClients) {
  RateLimiter limiter(10.0, 3.0);
  for (int i = 0; i < 30'000; ++i)
    limiter.take(std::to_string(i), 1000);
  EXPECT_LE(limiter.clients(), RateLimiter::kMostClients);
}

TEST(HttpAccessTest, ReadsTheAddressToListenOn) {
  const auto v4 = parse_listen_address("127.0.0.1:8080"), v6 = parse_listen_address("[::1]:0");
  ASSERT_TRUE(v4.has_value() && v6.has_value());
  EXPECT_TRUE(v4->loopback() && v6->loopback());
  EXPECT_EQ(v4->port, 8080);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_FALSE(parse_listen_address("192.168.0.4:80")->loopback());
  EXPECT_TRUE(parse_listen_address("localhost:80")->loopback());
  for (const char* wrong : {"", ":80", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:80x",
                            "::1:80", "example.org:80", "[127.0.0.1]:80"}) {
    EXPECT_FALSE(parse_listen_address(wrong).has_value()) << wrong;
  }
}

TEST(HttpAccessTest, WritesNeedATokenEvenOnLoopback) {
  const HttpRequest request{"POST", "/", "localhost", "Bearer 0123456789abcdef", "", "", ""};
  const auto open = HttpAccess::make({"127.0.0.1", 80}, ""),
             closed = HttpAccess::make({"127.0.0.1", 80}, "0123456789abcdef");
  ASSERT_TRUE(open.has_value() && closed.has_value());
  EXPECT_EQ(open->refusal(request, false, true)->status, 403);
  EXPECT_FALSE(open->refusal(request, false, false).has_value());
  EXPECT_FALSE(closed->refusal(request, false, true).has_value());
  EXPECT_FALSE(HttpAccess::make({"127.0.0.1", 80}, "short").has_value());
}

TEST(RouterTest, EveryRouteIsFoundByItsOwnPatternOnly) {
  for (const Route& route : api_routes()) {
    const auto found = find_route(api_routes(), route.method, route.pattern);
    ASSERT_TRUE(found.has_value()) << route.pattern;
    EXPECT_EQ(found->route, &route);
    for (const auto& other : {std::string(route.pattern) + "/", "/x" + std::string(route.pattern)})
      EXPECT_EQ(find_route(api_routes(), "GET", other).error().status, 404) << other;
  }
}

TEST(RouterTest, PathPartsAreDecoded) {
  const auto found = find_route(api_routes(), "GET", "/api/v1/series/BTC%55SDT/1h/candles?limit=%35");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->path, (std::vector<std::string>{"BTCUSDT", "1h"}));
  EXPECT_EQ(found->target.find("limit"), "5");
}

TEST(HttpCacheTest, ReadsAcceptEncodingAndIfNoneMatch) {
  for (const char* yes : {"gzip", "br, gzip", "*", "gzip;q=0.2", "deflate , gzip ; q=1"})
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  for (const char* no : {"", "br", "gzip;q=0", "gzip;q=0.0", "xgzip", "gzip2"})
    EXPECT_FALSE(accepts_gzip(no)) << no;
  EXPECT_TRUE(matches("\"a\", W/\"b\"", "W/\"b\""));
  EXPECT_FALSE(matches("b", "W/\"b\""));
  EXPECT_FALSE(matches("*", "")) << "failures have no tag";
}

TEST(HttpCacheTest, ForgetsWithTheBoardAndStaysBounded) {
  ReplyCache cache;
  const auto board = std::make_shared<const Board>(), next = std::make_shared<const Board>();
  cache.put(board, "/a", prepare({}));
  EXPECT_NE(cache.find(board, "/a"), nullptr);
  EXPECT_EQ(cache.find(next, "/a"), nullptr);
  EXPECT_EQ(cache.find(board, "/a"), nullptr);
  HttpReply large;
  large.body = std::string(ReplyCache::kMostBytes / 2 + 1, 'x');
  cache.put(board, "/b", prepare(large));
  cache.put(board, "/c", prepare(large));
  EXPECT_EQ(cache.find(board, "/b"), nullptr);
  EXPECT_NE(cache.find(board, "/c"), nullptr);
}

TEST(ChartTest, ShowsCandlesFanAndWordsAndNothingThatIsNotANumber) {
  const BoardSeries series = test_board_series("BTCUSDT", market::Interval::k1h, 40);
  const std::string svg = chart_svg(series, 72, ChartTheme::kAuto);
  std::size_t candles = 0;
  for (std::size_t at = 0; (at = svg.find("<rect class=\"up\"", at)) != std::string::npos; ++at)
    ++candles;
  for (std::size_t at = 0; (at = svg.find("<rect class=\"down\"", at)) != std::string::npos; ++at)
    ++candles;
  EXPECT_EQ(candles, 72u);
  for (const char* part :
       {"class=\"f95\"", "class=\"f50\"", "class=\"m\"", "BTCUSDT 1h", "prefers-color-scheme"})
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(chart_svg(series, 72, ChartTheme::kLight).find("prefers-color-scheme"), std::string::npos);
}

TEST(ChartTest, AFlatMarketWithoutAForecastIsStillAChart) {
  BoardSeries series;
  series.key = {"XRPUSDT", market::Interval::k15m};
  series.candles = {{0, 0.5, 0.5, 0.5, 0.5, 0.0}};
  const std::string svg = chart_svg(series, 72, ChartTheme::kDark);
  EXPECT_NE(svg.find("no forecast yet"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

}  // namespace
}  // namespace mop::serve
