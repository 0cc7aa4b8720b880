// What the API answers, but for the sockets: who is refused, who answers, how the head of a reply reads.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <tl/expected.hpp>

#include "mop/base/clock.h"
#include "mop/base/result.h"
#include "mop/serve/alerts_api.h"
#include "mop/serve/board.h"
#include "mop/serve/history.h"
#include "mop/serve/http_access.h"
#include "mop/serve/http_cache.h"
#include "mop/serve/http_message.h"
#include "mop/serve/metrics.h"
#include "mop/serve/rate_limiter.h"
#include "mop/serve/router.h"

namespace mop::serve {

struct HttpOptions;  // http_server.h

/// A failure with Retry-After: asked again so many seconds later it may go well.
HttpReply later(int status, std::string_view code, std::string_view message, std::int64_t after_s);

/// A reply in the form one client takes it. The body lies in the prepared reply.
struct Outgoing {
  std::string head;
  std::string_view body;
};

/// One thread at a time, but for run().
class HttpDesk {
 public:
  /// All of them must outlive it. The clock dates replies and fills rate limits.
  HttpDesk(const HttpOptions& options, const BoardHolder& board, Clock& clock);

  /// Before the first request. Errors: as HttpAccess::make.
  Result<void> open();
  /// Of one client address, from the next request on.
  void limit_rate(double requests_per_s, double burst) { limiter_.limit(requests_per_s, burst); }
  HttpCounts& counts() { return counts_; }

  /// The route of a request of this client, or why it gets none: rate limit, length of the target, access,
  /// route.
  tl::expected<RouteMatch, HttpReply> admit(const HttpRequest& request, const std::string& client);

  /// What a route of kind kBoard says of the newest board; kept until the board changes.
  Prepared of_board(std::string_view target, const RouteMatch& match, std::string_view body);
  /// The file of the dashboard at this path.
  Prepared of_file(const std::string& path) const;
  /// What any other route says but the events'. Routes of kind kDatabase: one thread at a time, any thread.
  HttpReply run(const Board& board, const RouteMatch& match, std::string_view body);

  /// Compressed, or 304 without a body, as the request allows. Counts the reply.
  Outgoing outgoing(const PreparedReply& prepared, const HttpRequest& request, bool keep_alive);
  /// What goes before the events. Counts the reply.
  std::string events_head();
  /// All that a connection too many is told. Counts it.
  std::string busy();

 private:
  std::string date();

  const HttpOptions& options_;
  const BoardHolder& board_;
  Clock& clock_;
  std::optional<HttpAccess> access_;
  LedgerHistory history_;  // on the database's thread, as alerts_
  AlertsSource alerts_;
  RateLimiter limiter_;
  ReplyCache cache_;
  std::unordered_map<std::string, Prepared> files_;
  HttpCounts counts_;
  UnixMillis dated_ = -1;
  std::string date_text_;
};

}  // namespace mop::serve
