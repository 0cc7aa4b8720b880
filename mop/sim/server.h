#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mop/base/clock.h"
#include "mop/base/result.h"
#include "mop/sim/binance_api.h"
#include "mop/sim/fault_script.h"
#include "mop/sim/market_source.h"
#include "mop/sim/sim_clock.h"
#include "mop/sim/stream_session.h"

namespace mop::sim {

struct SimOptions {
  std::uint16_t port = 0;  // 0: any free one
  std::size_t threads = 2;
  DurationMillis idle_timeout = 30 * kSecond;  // of a connection, real time
  DurationMillis latency = 0;                  // added to every answer, real time
  ApiOptions api;
  StreamRules streams;
  std::vector<Fault> faults;        // see fault_script.h
  std::uint64_t fault_seed = 1;     // of their probabilities
  ScaledClock* settable = nullptr;  // the clock, when POST /sim/clock may set it
};

/// A simulated Binance on 127.0.0.1 (never on another address): REST and archive over HTTP/1.1 with
/// keep-alive, market streams over WebSocket, all on one port.
class SimServer {
 public:
  /// Market and clock must outlive this.
  SimServer(const SimOptions& options, MarketSource& market, Clock& clock);
  ~SimServer();  // stops
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;

  /// Errors: kUnavailable when the port is taken, kIo.
  Result<void> start();
  /// The port it listens on; 0 before start().
  std::uint16_t port() const;
  /// "http://127.0.0.1:<port>".
  std::string url() const;
  /// Requests answered so far.
  std::int64_t requests() const;
  /// How often each fault has struck.
  std::vector<std::int64_t> fault_strikes() const;
  /// Closes all connections and waits for the threads. May be called again.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::sim
