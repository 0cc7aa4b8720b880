#pragma once
#include <array>
#include <cstdint>
#include <string>

#include "mop/serve/board.h"

namespace mop::serve {

/// What the HTTP server counts about itself.
struct HttpCounts {
  std::array<std::int64_t, 6> replies{};  // by the first digit of the status
  std::int64_t rate_limited = 0, connections_refused = 0;
  std::int64_t events = 0, event_clients_dropped = 0;
  std::int64_t connections = 0, event_clients = 0;  // now
};

/// Prometheus text format 0.0.4.
std::string metrics_text(const Board& board, const HttpCounts& counts);

}  // namespace mop::serve
