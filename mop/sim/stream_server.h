#pragma once
#include <memory>
#include <string>

#include "mop/base/clock.h"
#include "mop/sim/stream_session.h"

namespace mop::sim {

/// Holds the sockets of stream connections on a thread of its own and calls their sessions' step() every
/// 5 ms of machine time.
class StreamServer {
 public:
  explicit StreamServer(Clock& clock);  // must outlive this
  ~StreamServer();                      // stops
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  void start();
  /// Takes over a connected TCP socket on which `handshake` (the upgrade request) was read. Thread-safe.
  void adopt(int socket, std::string handshake, std::unique_ptr<StreamSession> session);
  /// Breaks all connections. May be called again.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::sim
