// The API over HTTP/1.1: requests, the stream of events, metrics. See api/openapi.yaml.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "mop/base/clock.h"
#include "mop/base/result.h"
#include "mop/serve/board.h"
#include "mop/serve/dashboard.h"
#include "mop/serve/http_access.h"

namespace mop::serve {

struct HttpOptions {
  ListenAddress address{"127.0.0.1", 8080};  // port 0: any free one
  std::string token;                         // MOP_API_TOKEN; may be empty on loopback only
  std::string database = "mop.db";           // the track record and the alerts are in it
  std::span<const DashboardFile> dashboard = dashboard_files();
  double requests_per_s = 200, burst = 400;  // of one client address
  std::size_t max_connections = 2048;        // all together
  std::size_t max_event_clients = 1500;
  std::size_t max_target_bytes = 2048, max_header_bytes = 16 * 1024, max_body_bytes = 64 * 1024;
  std::size_t max_waiting_for_database = 64;      // requests; more are answered with 503
  DurationMillis idle_timeout = kMinute;          // between two requests of a connection
  DurationMillis request_timeout = 10 * kSecond;  // from the first byte of a request to its last
  DurationMillis write_timeout = 20 * kSecond;
  DurationMillis heartbeat = 15 * kSecond;      // between comments on the stream of events
  std::size_t kept_events = 4096;               // that a client can resume behind
  std::size_t event_queue_bytes = 1024 * 1024;  // behind which a client that does not read is dropped
};

/// Answers from the board and the database on two threads of its own; knows nothing of models. Everything
/// that a client sends or does not send is bounded in size, number and time.
class HttpServer final : public EventSink {
 public:
  /// Board and clock must outlive it. The clock (real time) dates replies and fills rate limits; its now() is
  /// called from the server's thread.
  HttpServer(HttpOptions options, const BoardHolder& board, Clock& clock);
  ~HttpServer() override;  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Errors: as HttpAccess::make; kUnavailable when the port is taken, kIo.
  Result<void> start();
  /// The port it listens on; 0 before start().
  std::uint16_t port() const;
  /// "http://127.0.0.1:8080".
  std::string url() const;
  /// Other limits of one client address, from the next requests on. From any thread; without effect before
  /// start().
  void limit_rate(double requests_per_s, double burst);
  /// Closes all connections and waits for the threads. May be called again; what is told later is dropped.
  void stop();

  /// From one thread. Events reach clients in this order.
  void tell(const ServiceEvent& event) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::serve
