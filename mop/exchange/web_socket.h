// WebSocket connections as a client. What happens on them is told as values, to the thread that asks.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "mop/base/result.h"
#include "mop/base/time.h"

namespace mop::exchange {

/// The server has accepted the connection.
struct SocketOpened {};
/// A complete message.
struct SocketText {
  std::string text;
};
/// A ping (it is answered already) or a pong: the other side lives.
struct SocketPing {};
/// The connection was not made, or has ended.
struct SocketClosed {
  /// kUnsupported: the server refuses this place or client (451, 403). kRateLimited: 418, 429. kIo: its
  /// certificate is not trusted. kCorrupt: it broke the protocol or a size limit. Else kUnavailable.
  Error error;
  bool orderly = false;            // it closed with a close frame: all that it sent before has been told
  DurationMillis retry_after = 0;  // as the server stated it with a refusal; 0: it did not
};

struct SocketEvent {
  int socket = 0;
  std::int64_t at_us = 0;  // monotonic_micros() when its bytes had been received
  std::variant<SocketOpened, SocketText, SocketPing, SocketClosed> what;
};

/// Any number of connections, over TCP (ws://) or TLS (wss://: 1.2 or newer, certificate and name verified
/// against OpenSSL's default store, which SSL_CERT_FILE and SSL_CERT_DIR replace). Proxies are not used. A
/// message may have 1 MiB, the head of the handshake's answer 8 KiB. Nothing times out by itself: whoever
/// uses this knows when it has waited enough. For one thread, wake() excepted.
class WebSockets {
 public:
  static constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 20;

  WebSockets();
  ~WebSockets();  // breaks the connections
  WebSockets(const WebSockets&) = delete;
  WebSockets& operator=(const WebSockets&) = delete;

  /// Errors: kInvalidArgument unless it is ws://host[:port][/path...] or wss://... .
  static Result<void> check_url(const std::string& url);

  /// Begins to connect; SocketOpened or SocketClosed follows. REQUIRES: a number not used before, a valid
  /// URL.
  void open(int socket, const std::string& url);
  /// Says goodbye (at most a second in the background). What came in before may still be told.
  void close(int socket);
  /// What happened next, of that which was not told yet; waits for it at most `timeout`. May return nothing
  /// earlier.
  std::optional<SocketEvent> wait(DurationMillis timeout);
  /// Makes a wait() that runs return. From any thread.
  void wake();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::exchange
