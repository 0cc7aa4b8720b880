#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "mop/base/clock.h"
#include "mop/sim/api_reply.h"
#include "mop/sim/archive.h"
#include "mop/sim/binance_api.h"
#include "mop/sim/connection_limit.h"
#include "mop/sim/fault_script.h"
#include "mop/sim/sim_clock.h"
#include "mop/sim/stream_session.h"

namespace mop::sim {

/// A request as far as the exchange reads it.
struct Request {
  std::string_view method, target;  // of the request line
  std::string_view time_unit;       // header X-MBX-TIME-UNIT
  bool accepts_gzip = false;
};

/// What happens to an answer on its way; times are machine time.
struct WireFaults {
  DurationMillis latency = 0;
  bool reset = false;                            // no answer at all
  std::optional<std::size_t> truncate_at;        // bytes of the body that are sent
  std::optional<std::int64_t> bytes_per_second;  // of the body
};

struct Answer {
  ApiReply reply;
  WireFaults wire;
};

/// What a handshake leads to: a session, or the answer that refuses it.
struct StreamAnswer {
  std::unique_ptr<StreamSession> session;
  Answer refusal;  // without a session; its `wire` counts with one as well
};

struct ExchangeOptions {
  ApiOptions api;
  StreamRules streams;
  ScaledClock* settable = nullptr;  // the exchange's clock, when POST /sim/clock may set it
};

/// The exchange behind its hosts: REST, archive and streams on one address, with the faults of a script.
/// POST /sim/clock?now=DATE|advance_ms=N&speed=xN sets the clock. Thread-safe.
class RequestHandler {
 public:
  /// All must outlive this.
  RequestHandler(MarketSource& market, Clock& clock, FaultScript& faults, const ExchangeOptions& options);
  Answer handle(const Request& request);
  /// A WebSocket handshake.
  StreamAnswer open_stream(std::string_view target);
  /// Requests handled so far, refused and failed ones and handshakes included.
  std::int64_t requests() const { return requests_.load(); }

 private:
  ApiReply answer(const Request& request, const std::vector<Fault>& faults);
  ApiReply answer_from(MarketSource& market, const Request& request, DurationMillis skew);
  ApiReply set_clock(const Target& target);

  MarketSource& market_;
  Clock& clock_;
  FaultScript& faults_;
  const ExchangeOptions options_;
  BinanceApi api_;
  Archive archive_;
  ConnectionLimit connections_;
  std::atomic<std::int64_t> requests_{0};
};

}  // namespace mop::sim
