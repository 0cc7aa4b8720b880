// From a method and a request target to the function that answers.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "mop/base/request_target.h"
#include "mop/serve/board.h"
#include "mop/serve/http_message.h"

namespace mop::serve {

class AlertsSource;   // alerts_api.h
class HistorySource;  // history.h
struct HttpCounts;    // metrics.h

/// What a route answers from, and so where it runs.
enum class RouteKind : std::uint8_t {
  kBoard,     // a function of the board and the target: kept until the board changes
  kServer,    // of the board and the server's own counts
  kDatabase,  // of mop.db: on a thread of its own
  kEvents,    // the stream of events: the server takes the connection over
  kFile,      // a file of the dashboard
};

struct ApiCall {
  const Board& board;
  const Target& target;
  std::span<const std::string> path;  // what stands in place of the pattern's {...}
  const HttpCounts& counts;
  std::string_view body = {};
  HistorySource* history = nullptr;  // for kDatabase
  AlertsSource* alerts = nullptr;    // for kDatabase
};

struct Route {
  std::string_view method, pattern;  // "GET", "/api/v1/series/{symbol}/{timeframe}/candles"
  RouteKind kind;
  HttpReply (*answer)(const ApiCall& call);  // null for kEvents and kFile
  std::string_view parameters = {};          // of the query, separated by a space
  bool open = false;                         // needs no token
};

struct RouteMatch {
  const Route* route;
  Target target;
  std::vector<std::string> path;
};

/// HEAD is answered by GET's route. Failures: 400 for a target that is malformed, or with a parameter that is
/// unknown or repeated; 404; 405 with Allow.
tl::expected<RouteMatch, HttpReply> find_route(std::span<const Route> routes, std::string_view method,
                                               std::string_view target);

}  // namespace mop::serve
