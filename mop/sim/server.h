#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "mop/base/clock.h"
#include "mop/base/result.h"
#include "mop/sim/binance_api.h"
#include "mop/sim/market_source.h"

namespace mop::sim {

struct SimOptions {
  std::uint16_t port = 0;  // 0: any free one
  std::size_t threads = 2;
  DurationMillis idle_timeout = 30 * kSecond;  // of a connection, real time
  DurationMillis latency = 0;                  // added to every answer, real time
  ApiOptions api;
};

/// A simulated Binance on 127.0.0.1 (never on another address): BinanceApi over HTTP/1.1 with keep-alive.
class SimServer {
 public:
  /// Market and clock must outlive this.
  SimServer(SimOptions options, MarketSource& market, Clock& clock);
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
  /// Closes all connections and waits for the threads. May be called again.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::sim
