// A server on loopback that says what a test wants, for tests.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace mop::exchange {

/// The PEM text of a certificate for the name localhost that vouches for itself, and of its key.
struct SelfSigned {
  std::string certificate, key;
};
SelfSigned make_self_signed();

/// Answers every head of a request (up to the empty line) with the bytes the test decides on, then goes on
/// reading. It hangs up where there are none or where they say "Connection: close". Many clients at a time.
class LoopbackServer {
 public:
  using Answer = std::function<std::string(const std::string& request)>;

  explicit LoopbackServer(Answer answer);                     // plain
  LoopbackServer(Answer answer, const SelfSigned& identity);  // over TLS
  ~LoopbackServer();                                          // waits for the clients to go
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::uint16_t port() const;
  std::string url(const std::string& path = "/") const;  // "http://127.0.0.1:<port><path>"
  int connections() const;                               // so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// An HTTP answer; `headers` are whole lines.
std::string http_answer(const std::string& body, const std::string& headers = "", int status = 200);

/// The answer that accepts `request` as a WebSocket (RFC 6455, 4.2.2), followed by `frames`.
std::string accept_web_socket(const std::string& request, const std::string& frames = "");
/// A frame as servers send it. `opcode`: 1 text, 8 close, 9 ping.
std::string web_socket_frame(const std::string& payload, int opcode = 1);

}  // namespace mop::exchange
