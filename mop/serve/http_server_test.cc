#include "mop/serve/http_server.h"

#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/serve/api_json.h"
#include "mop/serve/http_test_support.h"

namespace mop::serve {
namespace {

namespace bj = boost::json;

constexpr int kNow = 40;  // closes in the ledger: 0..kNow
const std::string kBtc = "/api/v1/series/BTCUSDT/1h";

bj::value parsed(const ClientReply& reply) {
  auto value = parse_json(reply.body, "reply");
  EXPECT_TRUE(value.has_value()) << reply.status << " " << reply.body;
  return value ? *value : bj::value();
}

std::string error_code(const ClientReply& reply) {
  const bj::value value = parsed(reply);
  return value.is_object() ? std::string(value.at("error").at("code").as_string()) : "";
}

class HttpServerTest : public LedgerTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    board_.put(test_board(kNow));
    options_.address.port = 0;
    options_.database = path_;
    options_.dashboard = {};
    options_.requests_per_s = 1e6;
    options_.burst = 1e6;
  }
  void TearDown() override {
    server_.reset();
    LedgerTest::TearDown();
  }
  void start() {
    server_ = std::make_unique<HttpServer>(options_, board_, clock_);
    const auto started = server_->start();
    ASSERT_TRUE(started.has_value()) << started.error().message;
  }
  HttpClient client(int receive_buffer = 0) { return HttpClient(server_->port(), receive_buffer); }
  ClientReply get(std::string_view target, std::string_view headers = "", std::string_view method = "GET") {
    return client().get(target, headers, method);
  }
  // A client of the event stream, behind the head of its reply.
  HttpClient follow(std::string_view last_id = "", int receive_buffer = 0) {
    HttpClient c = client(receive_buffer);
    c.ask("/api/v1/events", last_id.empty() ? "" : fmt::format("Last-Event-ID: {}\r\n", last_id));
    EXPECT_EQ(c.reply().status, 200);
    return c;
  }
  void tell(std::string json) { server_->tell({ServiceEvent::Kind::kForecast, std::move(json)}); }
  double metric(std::string_view name) {
    const std::string text = get("/metrics").body;
    const std::size_t at = text.find(fmt::format("\n{} ", name));
    EXPECT_NE(at, std::string::npos) << name;
    return at == std::string::npos ? -1.0 : std::stod(text.substr(at + name.size() + 2));
  }

  BoardHolder board_;
  SharedClock clock_;
  HttpOptions options_;
  std::unique_ptr<HttpServer> server_;
};

std::string field_of(std::string_view event, std::string_view name) {
  const std::size_t at = event.find(fmt::format("{}: ", name));
  if (at == std::string::npos) return "";
  const std::size_t from = at + name.size() + 2;
  return std::string(event.substr(from, event.find('\n', from) - from));
}

TEST_F(HttpServerTest, EveryEndpointAnswers) {
  fill(0, kNow + 1);
  start();
  HttpClient c = client();  // one connection for all of them
  for (const std::string& target : {std::string("/api/v1/health/live"), std::string("/api/v1/health/ready"),
                                    std::string("/api/v1/series"), std::string("/api/v1/forecasts"),
                                    kBtc + "/candles", kBtc + "/forecast", kBtc + "/track-record",
                                    std::string("/api/v1/models"), std::string("/api/v1/coverage")}) {
    const ClientReply reply = c.get(target);
    EXPECT_EQ(reply.status, 200) << target << reply.body;
    EXPECT_EQ(reply.headers.at("content-type"), "application/json") << target;
    EXPECT_EQ(reply.headers.at("x-content-type-options"), "nosniff");
    EXPECT_FALSE(reply.headers.contains("access-control-allow-origin"));
    EXPECT_TRUE(parsed(reply).is_object());
  }
  EXPECT_EQ(c.get(kBtc + "/chart.svg").headers.at("content-type"), "image/svg+xml");
  EXPECT_TRUE(c.get("/metrics").headers.at("content-type").starts_with("text/plain"));
}

TEST_F(HttpServerTest, AForecastIsTheLedgersRowInPrices) {
  start();
  const bj::value got = parsed(get(kBtc + "/forecast"));
  const ForecastRow row = test_forecast(kNow);
  EXPECT_EQ(got.at("as_of_close_time").as_int64(), row.as_of);
  EXPECT_EQ(got.at("made_at").as_int64(), row.made_at);
  EXPECT_EQ(got.at("seq").as_int64(), kNow + 2);
  const bj::value& second = got.at("steps").at(1);
  EXPECT_EQ(second.at("close_time").as_int64(), row.as_of + 2 * kHour);
  const double quantile = row.close * std::exp(row.z[row.levels.size() + 8] * (row.sigma * std::sqrt(2.0)));
  EXPECT_EQ(second.at("quantiles").at("0.975").as_double(), quantile);
  EXPECT_EQ(second.at("median"), second.at("quantiles").at("0.5"));
  EXPECT_EQ(second.at("p_up").as_double(), row.p_up[1]);
  EXPECT_EQ(got.at("model").at("age_s").as_int64(), (close_of(kNow) + 150 - (kT0 - kDay)) / 1000);
}

TEST_F(HttpServerTest, AllForecastsAreThoseOfTheSeriesThatHaveOne) {
  auto board = test_board(kNow);
  board->series[1].forecast.reset();
  board_.put(std::move(board));
  start();
  const bj::value got = parsed(get("/api/v1/forecasts"));
  const auto& forecasts = got.at("forecasts").as_array();
  ASSERT_EQ(forecasts.size(), 3u);
  EXPECT_EQ(forecasts[0], parsed(get("/api/v1/series/BTCUSDT/15m/forecast")));
  EXPECT_EQ(forecasts[1], parsed(get("/api/v1/series/ETHUSDT/15m/forecast")));
}

constexpr DashboardFile kDashboard[] = {
    {"/", "text/html; charset=utf-8", "<!doctype html>"},
    {"/assets/app.js", "text/javascript; charset=utf-8", {"a\0b", 3}},
};

TEST_F(HttpServerTest, TheDashboardIsServedByteForByteAndItsScriptsMayRun) {
  options_.dashboard = kDashboard;
  start();
  const ClientReply page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body, "<!doctype html>");
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_NE(page.headers.at("content-security-policy").find("script-src 'self'"), std::string::npos);
  EXPECT_EQ(page.headers.at("content-security-policy").find("unsafe-eval"), std::string::npos);
  EXPECT_EQ(get("/assets/app.js").body, (std::string{"a\0b", 3}));
  EXPECT_EQ(get("/", fmt::format("If-None-Match: {}\r\n", page.headers.at("etag"))).status, 304);
  EXPECT_EQ(get("/assets/other.js").status, 404);
  EXPECT_EQ(get("/", "", "POST").status, 405);
  EXPECT_EQ(get("/api/v1/series").headers.at("content-security-policy").find("script-src"),
            std::string::npos);
}

TEST_F(HttpServerTest, AProgramWithoutTheDashboardSaysHowToGetIt) {
  start();
  const ClientReply reply = get("/");
  EXPECT_EQ(reply.status, 404);
  EXPECT_NE(reply.body.find("make build"), std::string::npos) << reply.body;
}

TEST_F(HttpServerTest, CandlesAreTheNewestAndAscend) {
  start();
  const bj::value got = parsed(get(kBtc + "/candles?limit=3"));
  const auto all = test_candles(kNow, market::Interval::k1h, kBoardCandles);
  ASSERT_EQ(got.at("candles").as_array().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(got.at("candles").at(i).at("open_time").as_int64(), all[all.size() - 3 + i].open_time);
    EXPECT_EQ(got.at("candles").at(i).at("close").as_double(), all[all.size() - 3 + i].close);
  }
}

TEST_F(HttpServerTest, TheTrackRecordPagesThroughTheWholeLedger) {
  fill(0, 20);
  ASSERT_TRUE(ledger_->append({}, std::vector{test_missed(20)}).has_value());
  for (int n = 21; n <= kNow; ++n)
    ASSERT_TRUE(ledger_->append(std::vector{test_forecast(n)}, {}).has_value());
  for (int n = 1; n <= kNow; ++n)
    ASSERT_TRUE(ledger_->score(std::vector{candle_at(n)}).has_value());
  start();
  std::vector<std::int64_t> closes, missed;
  std::string before;
  for (int pages = 0; pages < 10; ++pages) {
    const bj::value page = parsed(get(kBtc + "/track-record?limit=7" + before));
    for (const bj::value& past : page.at("forecasts").as_array()) {
      closes.push_back(past.at("forecast").at("as_of_close_time").as_int64());
      EXPECT_EQ(past.at("hash").as_string().size(), 64u);
      const std::size_t known = static_cast<std::size_t>((close_of(kNow) - closes.back()) / kHour);
      EXPECT_EQ(past.at("scores").as_array().size(), std::min(known, kSteps));
    }
    for (const bj::value& row : page.at("missed").as_array())
      missed.push_back(row.at("as_of_close_time").as_int64());
    EXPECT_EQ(page.at("scores").at("n").as_int64(), kNow - 1) << "all but the missed one and the newest";
    EXPECT_TRUE(page.at("scores").at("skill_vs_har_pct").is_double());
    if (page.at("next_before").is_null()) break;
    before = fmt::format("&before={}", page.at("next_before").as_int64());
  }
  std::vector<std::int64_t> expected;
  for (int n = kNow; n >= 0; --n) {
    if (n != 20) expected.push_back(close_of(n));
  }
  EXPECT_EQ(closes, expected);
  EXPECT_EQ(missed, std::vector{close_of(20)});
}

TEST_F(HttpServerTest, WithoutALedgerTheTrackRecordSaysSoAndTheRestGoesOn) {
  options_.database = dir_ + "/absent.db";
  start();
  EXPECT_EQ(error_code(get(kBtc + "/track-record")), "not_found");
  EXPECT_EQ(get(kBtc + "/track-record").status, 503);
  EXPECT_EQ(get(kBtc + "/forecast").status, 200);
}

TEST_F(HttpServerTest, EveryErrorIsJsonWithItsStatus) {
  auto board = test_board(kNow);
  board->series.back().forecast.reset();
  board->series.back().candles.clear();
  board_.put(board);
  start();
  const auto request = [](std::string_view line, std::string_view headers = "Host: localhost\r\n") {
    return fmt::format("{} HTTP/1.1\r\n{}\r\n", line, headers);
  };
  const std::string eth = "/api/v1/series/ETHUSDT/1h";
  const std::tuple<std::string, int, std::string_view> cases[] = {
      {request("GET /"), 404, "not_found"},
      {request("GET /api/v1/series/"), 404, "not_found"},
      {request("GET /api/v1/series/DOGEUSDT/1h/candles"), 404, "not_found"},
      {request("GET /api/v1/series/BTCUSDT/4h/candles"), 404, "not_found"},
      {request("GET " + eth + "/forecast"), 404, "not_found"},
      {request("GET " + eth + "/chart.svg"), 404, "not_found"},
      {request("GET /\x7f\xff%00"), 400, "bad_request"},
      {request("GET /api/%zz"), 400, "bad_request"},
      {request("GET " + kBtc + "/candles?limit=0"), 400, "invalid_argument"},
      {request("GET " + kBtc + "/candles?limit=501"), 400, "invalid_argument"},
      {request("GET " + kBtc + "/candles?limit=5x"), 400, "invalid_argument"},
      {request("GET " + kBtc + "/candles?limit="), 400, "invalid_argument"},
      {request("GET " + kBtc + "/candles?limit=99999999999999999999"), 400, "invalid_argument"},
      {request("GET " + kBtc + "/track-record?before=-1"), 400, "invalid_argument"},
      {request("GET " + kBtc + "/chart.svg?theme=pink"), 400, "invalid_argument"},
      {request("GET /api/v1/models?limit=5"), 400, "bad_request"},
      {request("GET " + kBtc + "/candles?limit=5&limit=6"), 400, "bad_request"},
      {request("POST /api/v1/series"), 405, "method_not_allowed"},
      {request("DELETE /metrics"), 405, "method_not_allowed"},
      {request("BREW /metrics"), 405, "method_not_allowed"},
      {request("GET /api/v1/series", "Host: rebound.example\r\n"), 421, "wrong_host"},
      {request("GET /api/v1/series", "Host: localhost.rebound.example\r\n"), 421, "wrong_host"},
      {request("GET /api/v1/series", ""), 400, "bad_request"},
      {"hello\r\n\r\n", 400, "bad_request"},
      {"GET /metrics HTTP/9.9\r\n\r\n", 400, "bad_request"},
      {request("GET /" + std::string(3000, 'a')), 414, "target_too_long"},
      {request("GET /" + std::string(40'000, 'a')), 414, "target_too_long"},
      {request("GET /", "Host: localhost\r\nX: " + std::string(40'000, 'a') + "\r\n"), 431,
       "headers_too_large"},
      {request("GET /", "Host: localhost\r\nContent-Length: 70000\r\n"), 413, "body_too_large"},
      {request("GET /", "Host: localhost\r\nTransfer-Encoding: chunked\r\n") + "20000\r\n" +
           std::string(0x20000, 'x'),
       413, "body_too_large"},
  };
  for (const auto& [text, status, code] : cases) {
    HttpClient c = client();
    c.send(text);
    const ClientReply reply = c.reply();
    EXPECT_EQ(reply.status, status) << text.substr(0, 80);
    if (reply.status == 0) continue;
    EXPECT_EQ(error_code(reply), code) << text.substr(0, 80);
    EXPECT_EQ(reply.headers.contains("allow"), status == 405);
    EXPECT_EQ(reply.headers.contains("etag"), false);
  }
  EXPECT_EQ(get("/api/v1/series").status, 200);
  for (const char* host : {"localhost:8080", "127.0.0.1", "[::1]:80"}) {
    HttpClient c = client();
    c.send(request("GET /api/v1/series", fmt::format("Host: {}\r\n", host)));
    EXPECT_EQ(c.reply().status, 200) << host;
  }
}

TEST_F(HttpServerTest, NotReadyIsAnErrorUntilTheServiceIs) {
  board_.put(std::make_shared<const Board>());
  start();
  EXPECT_EQ(get("/api/v1/health/ready").status, 503);
  EXPECT_EQ(error_code(get("/api/v1/health/ready")), "not_ready");
  EXPECT_EQ(get("/api/v1/health/live").status, 200);
  board_.put(test_board(kNow));
  EXPECT_EQ(get("/api/v1/health/ready").status, 200);
}

TEST_F(HttpServerTest, AnUnchangedReplyIs304UntilTheBoardChanges) {
  start();
  const ClientReply first = get(kBtc + "/candles");
  const std::string tag = first.headers.at("etag");
  for (const std::string& given : {tag, "\"x\", " + tag, tag.substr(2), std::string("*")}) {
    const ClientReply again = get(kBtc + "/candles", fmt::format("If-None-Match: {}\r\n", given));
    EXPECT_EQ(again.status, 304) << given;
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(again.headers.at("etag"), tag);
  }
  EXPECT_EQ(get(kBtc + "/candles", "If-None-Match: \"other\"\r\n").status, 200);
  board_.put(test_board(kNow + 1));
  const ClientReply changed = get(kBtc + "/candles", fmt::format("If-None-Match: {}\r\n", tag));
  EXPECT_EQ(changed.status, 200);
  EXPECT_NE(changed.body, first.body);
}

TEST_F(HttpServerTest, CompressesWhereItIsAcceptedAndPays) {
  start();
  const ClientReply plain = get(kBtc + "/candles");
  const ClientReply zipped = get(kBtc + "/candles", "Accept-Encoding: br, gzip;q=0.5\r\n");
  EXPECT_EQ(zipped.headers.at("content-encoding"), "gzip");
  EXPECT_EQ(zipped.headers.at("vary"), "Accept-Encoding");
  EXPECT_EQ(zipped.body.substr(0, 2), "\x1f\x8b");
  EXPECT_LT(zipped.body.size(), plain.body.size() / 2);
  for (const char* refused : {"", "Accept-Encoding: gzip;q=0\r\n", "Accept-Encoding: br\r\n"})
    EXPECT_FALSE(get(kBtc + "/candles", refused).headers.contains("content-encoding")) << refused;
  EXPECT_FALSE(get("/api/v1/health/live", "Accept-Encoding: gzip\r\n").headers.contains("content-encoding"));
}

TEST_F(HttpServerTest, HeadIsGetWithoutTheBody) {
  start();
  HttpClient c = client();
  const ClientReply head = c.get(kBtc + "/candles", "", "HEAD");
  const ClientReply whole = c.get(kBtc + "/candles");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), std::to_string(whole.body.size()));
  EXPECT_EQ(head.headers.at("etag"), whole.headers.at("etag"));
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  HttpClient c = client();
  std::string requests;
  for (int limit = 1; limit <= 50; ++limit)
    requests += fmt::format("GET {}/candles?limit={} HTTP/1.1\r\nHost: localhost\r\n\r\n", kBtc, limit);
  c.send(requests);
  for (std::size_t limit = 1; limit <= 50; ++limit)
    EXPECT_EQ(parsed(c.reply()).at("candles").as_array().size(), limit);
}

TEST_F(HttpServerTest, AConnectionEndsWhenItsClientAsksForIt) {
  start();
  HttpClient c = client();
  EXPECT_EQ(c.get("/api/v1/health/live", "Connection: close\r\n").headers.at("connection"), "close");
  EXPECT_TRUE(c.ended());
  HttpClient old = client();
  old.send("GET /api/v1/health/live HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(old.reply().status, 200);
  EXPECT_TRUE(old.ended());
}

TEST_F(HttpServerTest, AClientBeyondItsRateIsToldWhenToComeAgain) {
  options_.requests_per_s = 0.5;
  options_.burst = 3;
  start();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(get("/api/v1/health/live").status, 200);
  const ClientReply refused = get("/api/v1/health/live");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(error_code(refused), "rate_limited");
  EXPECT_EQ(refused.headers.at("retry-after"), "2");
  clock_.advance(2 * kSecond);
  EXPECT_EQ(get("/api/v1/health/live").status, 200);
}

TEST_F(HttpServerTest, TheRateChangesWhileItServes) {
  options_.requests_per_s = 0.5;
  options_.burst = 1;
  start();
  EXPECT_EQ(get("/api/v1/health/live").status, 200);
  EXPECT_EQ(get("/api/v1/health/live").status, 429);
  server_->limit_rate(10.0, 3.0);
  clock_.advance(kSecond);  // ten requests' worth, of which three are kept
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(get("/api/v1/health/live").status, 200);
  EXPECT_EQ(get("/api/v1/health/live").status, 429);
}

TEST_F(HttpServerTest, WithATokenOnlyLivenessAndTheDashboardsFilesAreOpen) {
  options_.token = "0123456789abcdef";
  options_.dashboard = kDashboard;
  start();
  EXPECT_EQ(get("/api/v1/health/live").status, 200);
  EXPECT_EQ(get("/").status, 200);
  for (const char* wrong :
       {"", "Authorization: 0123456789abcdef\r\n", "Authorization: Bearer 0123456789abcdeg\r\n",
        "Authorization: Bearer 0123456789abcdef0\r\n"}) {
    for (const char* target : {"/api/v1/series", "/api/v1/events", "/metrics", "/nothing"}) {
      const ClientReply reply = get(target, wrong);
      EXPECT_EQ(reply.status, 401) << target << wrong;
      EXPECT_EQ(reply.headers.at("www-authenticate"), "Bearer");
      EXPECT_EQ(reply.body.find("0123456789"), std::string::npos);
    }
  }
  EXPECT_EQ(get("/api/v1/series", "Authorization: Bearer 0123456789abcdef\r\n").status, 200);
}

TEST_F(HttpServerTest, RefusesToListenBeyondThisMachineWithoutAToken) {
  options_.address = {"0.0.0.0", 0};
  HttpServer server(options_, board_, clock_);
  const auto started = server.start();
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::kRefused);
  EXPECT_NE(started.error().message.find("MOP_API_TOKEN"), std::string::npos);
}

TEST_F(HttpServerTest, ATakenPortIsAnErrorThatNamesIt) {
  start();
  options_.address.port = server_->port();
  HttpServer second(options_, board_, clock_);
  const auto started = second.start();
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(started.error().message.find(std::to_string(server_->port())), std::string::npos);
}

TEST_F(HttpServerTest, ASlowRequestIsCutOffAndAnIdleConnectionToo) {
  options_.request_timeout = 50;
  options_.idle_timeout = 50;
  start();
  HttpClient slow = client(), silent = client(), idle = client();
  slow.send("GET /api/v1/health/live HTTP/1.1\r\nHost: loc");
  EXPECT_EQ(idle.get("/api/v1/health/live").status, 200);
  EXPECT_TRUE(slow.ended());
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(idle.ended());
  EXPECT_EQ(get("/api/v1/health/live").status, 200);
}

TEST_F(HttpServerTest, ConnectionsBeyondTheLimitAreTurnedAway) {
  options_.max_connections = 3;
  start();
  std::vector<HttpClient> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(client());
    EXPECT_EQ(held.back().get("/api/v1/health/live").status, 200);
  }
  HttpClient turned_away = client();
  EXPECT_EQ(turned_away.reply().status, 503);
  EXPECT_TRUE(turned_away.ended());
  EXPECT_EQ(held.front().get("/api/v1/health/live").status, 200);
}

TEST_F(HttpServerTest, EventsComeInOrderWithGrowingIdsAndCanBeResumed) {
  start();
  HttpClient c = follow();
  const std::string opening = c.read_until("\n\n");
  EXPECT_EQ(field_of(opening, "retry"), "2000");
  const std::string first_id = field_of(opening, "id");
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i)
    tell(fmt::format("{{\"n\":{}}}", i));
  for (int i = 0; i < 20; ++i) {
    const std::string event = c.read_until("\n\n");
    EXPECT_EQ(field_of(event, "event"), "forecast");
    EXPECT_EQ(field_of(event, "data"), fmt::format("{{\"n\":{}}}", i));
    ids.push_back(field_of(event, "id"));
  }
  HttpClient resumed = follow(ids[11]), from_start = follow(first_id);
  resumed.read_until("\n\n");  // retry
  from_start.read_until("\n\n");
  for (int i = 12; i < 20; ++i)
    EXPECT_EQ(field_of(resumed.read_until("\n\n"), "id"), ids[static_cast<std::size_t>(i)]);
  for (const std::string& id : ids)
    EXPECT_EQ(field_of(from_start.read_until("\n\n"), "id"), id);
  tell("{\"n\":20}");
  EXPECT_EQ(field_of(resumed.read_until("\n\n"), "data"), "{\"n\":20}") << "and goes on live";
}

TEST_F(HttpServerTest, AnIdThatIsTooOldOrOfAnotherRunIsAnsweredWithReset) {
  options_.kept_events = 5;
  start();
  HttpClient c = follow();
  const std::string old = field_of(c.read_until("\n\n"), "id");
  std::string newest;
  for (int i = 0; i < 6; ++i)
    tell("{}");
  for (int i = 0; i < 6; ++i)
    newest = field_of(c.read_until("\n\n"), "id");
  for (const std::string& id : {old, std::string("0-3"), std::string("nonsense"), newest + "9"}) {
    HttpClient late = follow(id);
    const std::string reset = late.read_until("\n\n");
    EXPECT_EQ(field_of(reset, "event"), "reset") << id;
    EXPECT_EQ(field_of(reset, "id"), newest);
    EXPECT_TRUE(parse_json(field_of(reset, "data"), "reset").has_value());
  }
}

TEST_F(HttpServerTest, SilenceIsFilledWithComments) {
  options_.heartbeat = 20;
  start();
  HttpClient c = follow();
  c.read_until("\n\n");
  EXPECT_EQ(c.read_until("\n\n"), ":\n\n");
  EXPECT_EQ(c.read_until("\n\n"), ":\n\n");
}

TEST_F(HttpServerTest, AClientThatReadsStaysForAsLongAsItLikes) {
  options_.heartbeat = 20;
  options_.write_timeout = options_.request_timeout = options_.idle_timeout = 60;
  start();
  HttpClient c = follow();
  c.read_until("\n\n");
  for (int i = 0; i < 12; ++i)
    ASSERT_EQ(c.read_until("\n\n"), ":\n\n") << i;
}

TEST_F(HttpServerTest, AStuckClientIsDroppedAndTwoHundredOthersMissNothing) {
  options_.event_queue_bytes = 64 * 1024;
  start();
  HttpClient stuck = follow("", 4096);
  std::vector<HttpClient> readers;
  for (int i = 0; i < 200; ++i)
    readers.push_back(follow());
  for (HttpClient& reader : readers)
    reader.read_until("\n\n");
  const std::string padding(4000, '.');
  std::int64_t told = 0;
  while (metric("mop_event_clients_dropped_total") == 0 && told < 2000) {
    for (int i = 0; i < 10; ++i)
      tell(fmt::format("\"{} {}\"", told + i, padding));
    for (HttpClient& reader : readers) {
      for (int i = 0; i < 10; ++i)
        ASSERT_TRUE(field_of(reader.read_until("\n\n"), "data").starts_with(fmt::format("\"{} ", told + i)));
    }
    told += 10;
  }
  EXPECT_EQ(metric("mop_event_clients_dropped_total"), 1);
  EXPECT_EQ(metric("mop_event_clients"), 200);
  EXPECT_LT(told, 2000);
}

TEST_F(HttpServerTest, AClientThatLeavesFreesItsPlace) {
  options_.max_event_clients = 1;
  start();
  {
    const HttpClient first = follow();
    EXPECT_EQ(get("/api/v1/events").status, 503);
  }
  while (metric("mop_event_clients") > 0) {
  }
  follow();
}

TEST_F(HttpServerTest, StopsAtOnceWhileClientsAreConnected) {
  fill(0, kNow + 1);
  start();  // timeouts of many seconds: a stop that waited for them would exceed this test's time
  HttpClient idle = client(), half = client(), events = follow(), asking = client();
  idle.get("/api/v1/health/live");
  half.send("GET /api/v1/hea");
  asking.ask(kBtc + "/track-record");
  server_->stop();
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(half.ended());
  events.read_until("never");
  EXPECT_TRUE(events.ended());
  tell("{}");  // dropped
  server_->stop();
}

TEST_F(HttpServerTest, MetricsTellOfTheServiceAndOfTheServer) {
  auto board = test_board(kNow);
  board->series[1].stale = true;
  board_.put(board);
  start();
  get("/nothing");
  EXPECT_EQ(metric("mop_ready"), 1);
  EXPECT_EQ(metric("mop_forecasts_total"), kNow);
  EXPECT_EQ(metric("mop_close_to_ledger_seconds"), 0.0125);
  EXPECT_EQ(metric("mop_series_stale{symbol=\"BTCUSDT\",timeframe=\"1h\"}"), 1);
  EXPECT_EQ(metric("mop_series_stale{symbol=\"BTCUSDT\",timeframe=\"15m\"}"), 0);
  EXPECT_EQ(metric("mop_http_replies_total{status=\"4xx\"}"), 1);
  EXPECT_GE(metric("mop_http_connections"), 1);
}

}  // namespace
}  // namespace mop::serve
