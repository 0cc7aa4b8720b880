// The sockets of a stream against servers on loopback that do what they should not.
#include "mop/exchange/web_socket.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/clock.h"
#include "mop/exchange/loopback_server.h"

namespace mop::exchange {
namespace {

// What happens on a socket up to its end, or up to `count` events.
std::vector<SocketEvent> events_of(WebSockets& sockets, std::size_t count = SIZE_MAX) {
  std::vector<SocketEvent> events;
  const std::int64_t give_up = monotonic_micros() + 20'000'000;
  while (events.size() < count && monotonic_micros() < give_up) {
    auto event = sockets.wait(kSecond);
    if (!event) continue;
    events.push_back(std::move(*event));
    if (std::holds_alternative<SocketClosed>(events.back().what)) break;
  }
  return events;
}

SocketClosed end_of(const std::string& url) {
  WebSockets sockets;
  sockets.open(1, url);
  const auto events = events_of(sockets);
  const auto* closed = events.empty() ? nullptr : std::get_if<SocketClosed>(&events.back().what);
  EXPECT_NE(closed, nullptr) << "it did not end";
  return closed == nullptr ? SocketClosed{} : *closed;
}

std::string ws(const LoopbackServer& server, const std::string& target = "") {
  return fmt::format("ws://127.0.0.1:{}{}", server.port(), target);
}

LoopbackServer::Answer says(std::string frames) {
  return
      [frames = std::move(frames)](const std::string& request) { return accept_web_socket(request, frames); };
}

TEST(WebSocketsTest, TellsOfOpeningMessagesPingsAndAnOrderlyEnd) {
  std::string asked;
  const LoopbackServer server([&](const std::string& request) {
    asked = request;
    return accept_web_socket(request, web_socket_frame("one") + web_socket_frame("p", 9) +
                                          web_socket_frame(std::string(70'000, 'x')) +
                                          web_socket_frame("\x03\xe9going down", 8));
  });
  const std::int64_t before = monotonic_micros();
  WebSockets sockets;
  sockets.open(7, ws(server, "/stream?streams=a@b"));
  const auto events = events_of(sockets);
  ASSERT_EQ(events.size(), 5u);
  EXPECT_TRUE(std::holds_alternative<SocketOpened>(events[0].what));
  EXPECT_EQ(std::get<SocketText>(events[1].what).text, "one");
  EXPECT_TRUE(std::holds_alternative<SocketPing>(events[2].what));
  EXPECT_EQ(std::get<SocketText>(events[3].what).text.size(), 70'000u);
  const auto& closed = std::get<SocketClosed>(events[4].what);
  EXPECT_TRUE(closed.orderly);
  EXPECT_NE(closed.error.message.find("1001: going down"), std::string::npos) << closed.error.message;
  std::int64_t last = before;
  for (const SocketEvent& event : events) {
    EXPECT_EQ(event.socket, 7);
    EXPECT_GE(event.at_us, last);
    last = event.at_us;
  }
  EXPECT_LE(last, monotonic_micros());
  EXPECT_TRUE(asked.starts_with("GET /stream?streams=a@b HTTP/1.1\r\n")) << asked;
  EXPECT_NE(asked.find(fmt::format("Host: 127.0.0.1:{}\r\n", server.port())), std::string::npos) << asked;
  EXPECT_NE(asked.find("User-Agent: mop/"), std::string::npos) << asked;
}

TEST(WebSocketsTest, RefusalsHaveTheirKinds) {
  const auto refusal = [](int status, const std::string& headers) {
    const LoopbackServer server([&](const std::string&) {
      return http_answer(R"({"code":0,"msg":"no"})", headers + "Connection: close\r\n", status);
    });
    return end_of(ws(server));
  };
  for (const int status : {451, 403}) {
    const SocketClosed closed = refusal(status, "");
    EXPECT_EQ(closed.error.code, ErrorCode::kUnsupported);
    EXPECT_NE(closed.error.message.find(std::to_string(status)), std::string::npos) << closed.error.message;
  }
  EXPECT_EQ(refusal(429, "Retry-After: 90\r\n").error.code, ErrorCode::kRateLimited);
  EXPECT_EQ(refusal(418, "Retry-After: 90\r\n").retry_after, 90 * kSecond);
  EXPECT_EQ(refusal(429, "Retry-After: soon\r\n").retry_after, 0);
  EXPECT_EQ(refusal(429, "Retry-After: 99999999999\r\n").retry_after, kDay) << "nobody waits for ever";
  EXPECT_EQ(refusal(503, "").error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(refusal(200, "").error.code, ErrorCode::kUnavailable);
}

TEST(WebSocketsTest, NobodyThereIsUnavailable) {
  std::string gone;
  {
    const LoopbackServer server(says(""));
    gone = ws(server);
  }
  EXPECT_EQ(end_of(gone).error.code, ErrorCode::kUnavailable);
  const LoopbackServer hangs_up([](const std::string&) { return std::string(); });
  const SocketClosed closed = end_of(ws(hangs_up));
  EXPECT_EQ(closed.error.code, ErrorCode::kUnavailable) << closed.error.message;
  EXPECT_FALSE(closed.orderly);
  EXPECT_EQ(end_of("ws://nobody.invalid:80").error.code, ErrorCode::kUnavailable);
}

TEST(WebSocketsTest, AHandshakeOrMessageOverTheLimitEndsIt) {
  const LoopbackServer head(
      [](const std::string&) { return "HTTP/1.1 101 X\r\nX-Long: " + std::string(9000, 'x') + "\r\n\r\n"; });
  const SocketClosed refused = end_of(ws(head));
  EXPECT_EQ(refused.error.code, ErrorCode::kCorrupt) << refused.error.message;
  const std::string largest(WebSockets::kMaxMessageBytes, 'x');
  const LoopbackServer server(says(web_socket_frame(largest) + web_socket_frame(largest + "x")));
  WebSockets sockets;
  sockets.open(1, ws(server));
  const auto events = events_of(sockets);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(std::get<SocketText>(events[1].what).text.size(), largest.size());
  const auto& closed = std::get<SocketClosed>(events[2].what);
  EXPECT_EQ(closed.error.code, ErrorCode::kCorrupt) << closed.error.message;
}

TEST(WebSocketsTest, WhatIsNoWebSocketEndsIt) {
  const LoopbackServer wrong_proof(
      [](const std::string&) { return accept_web_socket("Sec-WebSocket-Key: another\r\n"); });
  EXPECT_EQ(end_of(ws(wrong_proof)).error.code, ErrorCode::kCorrupt);
  const LoopbackServer garbage(says("\xff\xff not a frame"));
  EXPECT_EQ(end_of(ws(garbage)).error.code, ErrorCode::kCorrupt);
  const LoopbackServer no_http([](const std::string&) { return std::string("hello\r\n\r\n"); });
  EXPECT_EQ(end_of(ws(no_http)).error.code, ErrorCode::kCorrupt);
}

TEST(WebSocketsTest, ACertificateThatNobodyVouchesForIsRefused) {
  const LoopbackServer server(says(web_socket_frame("secret")), make_self_signed());
  const SocketClosed closed = end_of(fmt::format("wss://localhost:{}", server.port()));
  EXPECT_EQ(closed.error.code, ErrorCode::kIo) << "no repetition mends it: " << closed.error.message;
  EXPECT_NE(closed.error.message.find("certificate of wss://localhost"), std::string::npos)
      << closed.error.message;
  EXPECT_NE(closed.error.message.find("self-signed"), std::string::npos) << closed.error.message;
}

TEST(WebSocketsTest, TlsWorksWithATrustedCertificateAndItsNameOnly) {
  const SelfSigned identity = make_self_signed();
  const std::filesystem::path store = std::filesystem::path(testing::TempDir()) / "mop_trusted.pem";
  std::ofstream(store) << identity.certificate;
  ::setenv("SSL_CERT_FILE", store.c_str(), 1);
  const LoopbackServer server(says(web_socket_frame("hello")), identity);
  {
    WebSockets sockets;
    sockets.open(1, fmt::format("wss://localhost:{}/ws", server.port()));
    const auto events = events_of(sockets, 2);
    ASSERT_EQ(events.size(), 2u);
    const auto* text = std::get_if<SocketText>(&events[1].what);
    ASSERT_NE(text, nullptr);
    EXPECT_EQ(text->text, "hello");
  }
  const SocketClosed closed = end_of(fmt::format("wss://127.0.0.1:{}/ws", server.port()));
  EXPECT_EQ(closed.error.code, ErrorCode::kIo);
  EXPECT_NE(closed.error.message.find("IP address mismatch"), std::string::npos) << closed.error.message;
  ::unsetenv("SSL_CERT_FILE");
  std::filesystem::remove(store);
}

TEST(WebSocketsTest, AClosedConnectionIsSilentAndOthersGoOn) {
  const LoopbackServer server(says(web_socket_frame("a")));
  WebSockets sockets;
  sockets.open(1, ws(server));
  ASSERT_EQ(events_of(sockets, 2).size(), 2u);
  sockets.close(1);
  sockets.close(1);
  sockets.open(2, ws(server));
  const auto events = events_of(sockets, 2);
  ASSERT_EQ(events.size(), 2u);
  for (const SocketEvent& event : events)
    EXPECT_EQ(event.socket, 2);
  sockets.open(3, ws(server));
  sockets.close(3);  // before it is open
  EXPECT_FALSE(sockets.wait(0).has_value());
}

TEST(WebSocketsTest, AddressesAreChecked) {
  for (const char* url :
       {"ws://127.0.0.1:9000", "wss://stream.binance.com:9443", "ws://localhost/a?b=c", "wss://h"})
    EXPECT_TRUE(WebSockets::check_url(url).has_value()) << url;
  for (const char* url : {"", "http://a", "ws://", "ws://:80", "ws://a:", "ws://a:0", "ws://a:65536",
                          "ws://a:b", "ws://user@a", "ws://a b", "ws://a/\r\nX: y", "ws://[::1]:80"}) {
    const auto checked = WebSockets::check_url(url);
    ASSERT_FALSE(checked.has_value()) << url;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace mop::exchange
