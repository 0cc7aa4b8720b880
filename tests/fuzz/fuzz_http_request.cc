#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "mop/base/check.h"
#include "mop/base/json.h"
#include "mop/serve/alerts_api.h"
#include "mop/serve/api.h"
#include "mop/serve/event_log.h"
#include "mop/serve/history.h"
#include "mop/serve/http_access.h"
#include "mop/serve/http_cache.h"
#include "mop/serve/metrics.h"

namespace {

using namespace mop;
using namespace mop::serve;

class NoHistory final : public HistorySource {
 public:
  Result<HistoryPage> page(std::string_view, market::Interval, UnixMillis before,
                           std::size_t limit) override {
    MOP_CHECK(before >= 0 && limit >= 1 && limit <= 200) << before << " " << limit;
    return HistoryPage{};
  }
};

Board board() {
  Board b;
  b.health.ready = true;
  BoardSeries s;
  s.key = {"BTCUSDT", market::Interval::k1h};
  for (int i = 0; i < 20; ++i)
    s.candles.push_back({i * kHour, 100.0 + i, 102.0 + i, 99.0 + i, 101.0 + i, 5.0});
  ForecastRow f;
  f.as_of = 20 * kHour - 1;
  f.close = 120.0;
  f.sigma = 0.01;
  f.horizon = 1;
  f.levels = {0.1, 0.5, 0.9};
  f.z = {-1.0, 0.0, 1.0};
  f.p_up = {0.5};
  s.forecast = f;
  b.series.push_back(s);
  return b;
}

// Takes the text up to the next line end off `rest`.
std::string_view line_of(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

void check_reply(const HttpReply& reply) {
  MOP_CHECK(!reason_phrase(reply.status).empty()) << reply.status;
  if (reply.content_type != "application/json") return;
  const auto value = parse_json(reply.body, "reply");
  MOP_CHECK(value.has_value()) << reply.body;
  MOP_CHECK((reply.status < 300) == !value->as_object().contains("error")) << reply.status << reply.body;
  for (const auto& [name, text] : reply.headers)
    MOP_CHECK(text.find_first_of("\r\n") == std::string::npos) << name;
}

}  // namespace

// What a client sends, a line each: method, target, Host, Authorization, If-None-Match, Accept-Encoding,
// Last-Event-ID, --listen, and then the body. Whatever it is, the reply is whole.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Board kBoard = board();
  static const auto kOpen = HttpAccess::make({"127.0.0.1", 0}, ""),
                    kClosed = HttpAccess::make({"::1", 0}, "0123456789abcdef");
  static EventLog log = [] {
    EventLog l("1a", 2);
    for (int i = 0; i < 3; ++i)
      l.add({ServiceEvent::Kind::kHealth, "{}"});
    return l;
  }();
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  HttpRequest request;
  for (std::string_view* field : {&request.method, &request.target, &request.host, &request.authorization,
                                  &request.if_none_match, &request.accept_encoding, &request.last_event_id})
    *field = line_of(rest);
  static_cast<void>(parse_listen_address(line_of(rest)));
  for (const auto* access : {&kOpen, &kClosed}) {
    if (const auto refused = (*access)->refusal(request, false, request.method != "GET"))
      check_reply(*refused);
  }
  MOP_CHECK(!log.opening(request.last_event_id).empty()) << request.last_event_id;
  const auto match = find_route(api_routes(), request.method, request.target);
  if (!match) return check_reply(match.error()), 0;
  if (match->route->answer == nullptr) return 0;  // the events, a file
  NoHistory history;
  static AlertsSource alerts(":memory:");
  const Prepared reply = prepare(
      match->route->answer({kBoard, match->target, match->path, HttpCounts{}, rest, &history, &alerts}));
  check_reply(reply->reply);
  static_cast<void>(accepts_gzip(request.accept_encoding));
  static_cast<void>(matches(request.if_none_match, reply->etag));
  return 0;
}
