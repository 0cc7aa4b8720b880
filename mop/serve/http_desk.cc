#include "mop/serve/http_desk.h"

#include <ctime>
#include <exception>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "mop/base/log.h"
#include "mop/serve/api.h"
#include "mop/serve/http_server.h"

namespace mop::serve {
namespace {

// A chart's SVG carries its style; nothing else that is sent does anything.
constexpr std::string_view kPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
// The chart library sets styles, and the dashboard's icon is a data: address.
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view kSafety =
    "X-Content-Type-Options: nosniff\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n";

}  // namespace

HttpReply later(int status, std::string_view code, std::string_view message, std::int64_t after_s) {
  HttpReply reply = failure(status, code, message);
  reply.headers.emplace_back("Retry-After", fmt::format("{}", after_s));
  return reply;
}

HttpDesk::HttpDesk(const HttpOptions& options, const BoardHolder& board, Clock& clock)
    : options_(options),
      board_(board),
      clock_(clock),
      history_(options.database),
      alerts_(options.database),
      limiter_(options.requests_per_s, options.burst) {}

Result<void> HttpDesk::open() {
  MOP_TRY_ASSIGN(access_, HttpAccess::make(options_.address, options_.token));
  for (const DashboardFile& file : options_.dashboard)
    files_.emplace(file.path,
                   prepare({200, std::string(file.content_type), std::string(file.bytes), {}, true}));
  return {};
}

tl::expected<RouteMatch, HttpReply> HttpDesk::admit(const HttpRequest& request, const std::string& client) {
  if (const DurationMillis wait = limiter_.take(client, clock_.now()); wait > 0) {
    ++counts_.rate_limited;
    return tl::unexpected(
        later(429, "rate_limited", "too many requests; ask less often", (wait + kSecond - 1) / kSecond));
  }
  if (request.target.size() > options_.max_target_bytes)
    return tl::unexpected(failure(414, "target_too_long",
                                  fmt::format("a request target may have {} bytes, has {}",
                                              options_.max_target_bytes, request.target.size())));
  auto match = find_route(api_routes(), request.method, request.target);
  const bool open = match && match->route->open;
  const bool writes = match && match->route->method != "GET";
  if (auto refused = access_->refusal(request, open, writes)) return tl::unexpected(std::move(*refused));
  return match;
}

Prepared HttpDesk::of_board(std::string_view target, const RouteMatch& match, std::string_view body) {
  const auto board = board_.get();
  const std::string key(target);
  Prepared reply = cache_.find(board, key);
  if (reply) return reply;
  reply = prepare(run(*board, match, body));
  if (reply->reply.status == 200) cache_.put(board, key, reply);
  return reply;
}

Prepared HttpDesk::of_file(const std::string& path) const {
  if (const auto file = files_.find(path); file != files_.end()) return file->second;
  return prepare(failure(404, "not_found",
                         files_.empty()
                             ? "this program was built without the dashboard; install Node.js 20 and npm "
                               "and run `make build` again. The API is at /api/v1/series"
                             : fmt::format("there is no {}; the dashboard is at /", shown(path))));
}

HttpReply HttpDesk::run(const Board& board, const RouteMatch& match, std::string_view body) {
  try {
    return match.route->answer({board, match.target, match.path, counts_, body, &history_, &alerts_});
  } catch (const std::exception& e) {
    log_error(fmt::format("{}: {}", match.route->pattern, e.what()));
    return failure(500, "internal", "the answer could not be computed; the log says why");
  }
}

Outgoing HttpDesk::outgoing(const PreparedReply& prepared, const HttpRequest& request, bool keep_alive) {
  const bool same = matches(request.if_none_match, prepared.etag);
  const bool zipped = !prepared.gzip.empty() && accepts_gzip(request.accept_encoding);
  const HttpReply& reply = prepared.reply;
  const int status = same ? 304 : reply.status;
  const std::string_view body = zipped ? prepared.gzip : reply.body;
  ++counts_.replies[static_cast<std::size_t>(status / 100)];
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\n{}Content-Security-Policy: {}\r\nCache-Control: {}\r\nVary: "
      "Accept-Encoding\r\n",
      status, reason_phrase(status), date(), kSafety, reply.page ? kPagePolicy : kPolicy,
      prepared.etag.empty() ? "no-store" : "no-cache");
  if (!prepared.etag.empty()) head += fmt::format("ETag: {}\r\n", prepared.etag);
  if (!same)
    head += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", reply.content_type, body.size());
  if (zipped && !same) head += "Content-Encoding: gzip\r\n";
  for (const auto& [name, value] : reply.headers)
    head += fmt::format("{}: {}\r\n", name, value);
  head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  return {std::move(head), same ? std::string_view{} : body};
}

std::string HttpDesk::events_head() {
  ++counts_.replies[2];
  return fmt::format(
      "HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Type: text/event-stream\r\n"
      "Cache-Control: no-store\r\nConnection: close\r\n{}Content-Security-Policy: {}\r\n\r\n",
      date(), kSafety, kPolicy);
}

std::string HttpDesk::busy() {
  ++counts_.connections_refused;
  const std::string body = failure(503, "busy", "too many connections; try again later").body;
  return fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\nRetry-After: 5\r\nConnection: close\r\n\r\n{}",
      body.size(), body);
}

// The same text for a second, and never made twice in it.
std::string HttpDesk::date() {
  const UnixMillis now = clock_.now() / kSecond;
  if (now != dated_) {
    dated_ = now;
    date_text_ = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(static_cast<std::time_t>(now)));
  }
  return date_text_;
}

}  // namespace mop::serve
