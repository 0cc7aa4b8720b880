#include "mop/sim/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mop/sim/synthetic_market.h"

namespace mop::sim {
namespace {

constexpr UnixMillis kNow = 1'751'328'000'000;

// One TCP connection to loopback; reads give up after five seconds.
class Connection {
 public:
  explicit Connection(std::uint16_t port, std::uint32_t address = INADDR_LOOPBACK)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(address);
    to.sin_port = htons(port);
    const timeval limit{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  }
  ~Connection() { close(fd_); }
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return connected_; }
  void send_text(std::string_view text) { (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  /// Up to and with the first occurrence of `end`, or what came before the connection closed.
  std::string read_until(std::string_view end) {
    std::string got;
    std::array<char, 1> byte{};
    while (got.find(end) == std::string::npos && recv(fd_, byte.data(), 1, 0) == 1)
      got += byte[0];
    return got;
  }

 private:
  int fd_;
  bool connected_ = false;
};

// A clock that the server's threads read while the test sets it.
class SharedClock final : public Clock {
 public:
  UnixMillis now() override { return now_.load(); }
  void sleep_for(DurationMillis duration) override { now_ += duration; }
  void advance(DurationMillis by) { now_ += by; }

 private:
  std::atomic<UnixMillis> now_{kNow};
};

struct Server {
  explicit Server(SimOptions options = {}) : server(options, market, clock) {
    const auto started = server.start();
    EXPECT_TRUE(started.has_value()) << started.error().message;
  }
  SyntheticMarket market{{}};
  SharedClock clock;
  SimServer server;
};

SimOptions with_faults(std::string_view script) {
  SimOptions options;
  auto faults = FaultScript::parse(script);
  EXPECT_TRUE(faults.has_value()) << faults.error().message;
  options.faults = faults.value_or(std::vector<Fault>{});
  return options;
}

// A stream connection after its handshake; frames come unmasked, so their text can be read.
Connection stream_to(const Server& s, const std::string& target) {
  Connection c(s.server.port());
  c.send_text("GET " + target +
              " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  return c;
}

TEST(SimServerTest, AnswersSeveralRequestsOnOneConnection) {
  Server s;
  Connection c(s.server.port());
  for (int i = 0; i < 3; ++i) {
    c.send_text("GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string reply = c.read_until("}");
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\n")) << reply;
    EXPECT_NE(reply.find("X-MBX-USED-WEIGHT-1M: " + std::to_string(i + 1)), std::string::npos) << reply;
    EXPECT_NE(reply.find("{\"serverTime\":1751328000000}"), std::string::npos) << reply;
  }
  EXPECT_EQ(s.server.requests(), 3);
}

TEST(SimServerTest, ClosesWhenTheClientWantsIt) {
  Server s;
  Connection c(s.server.port());
  c.send_text("GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string reply = c.read_until("never");  // ends with the connection
  EXPECT_TRUE(reply.ends_with("{}")) << reply;
}

TEST(SimServerTest, RefusesWhatIsTooLargeOrNoHttp) {
  Server s;
  Connection large(s.server.port());
  large.send_text("GET /" + std::string(20000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(large.read_until("never").find(" 413 "), std::string::npos);
  Connection garbage(s.server.port());
  garbage.send_text("\x16\x03\x01 hello\r\n\r\n");
  EXPECT_NE(garbage.read_until("never").find(" 400 "), std::string::npos);
  Connection fine(s.server.port());
  fine.send_text("GET /api/v3/ping HTTP/1.0\r\n\r\n");
  EXPECT_NE(fine.read_until("never").find(" 200 "), std::string::npos) << "and serves on";
}

TEST(SimServerTest, DropsIdleConnections) {
  SimOptions options;
  options.idle_timeout = 50;
  Server s(options);
  Connection c(s.server.port());
  c.send_text("GET /api");
  EXPECT_EQ(c.read_until("never"), "");
}

TEST(SimServerTest, StopsWithConnectionsOpenAndFreesThePort) {
  std::uint16_t port = 0;
  {
    Server s;
    port = s.server.port();
    Connection idle(port);
    Connection used(port);
    used.send_text("GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)used.read_until("{}");
    s.server.stop();
    EXPECT_EQ(idle.read_until("never"), "");
    EXPECT_FALSE(Connection(port).connected());
    s.server.stop();
  }
  SimOptions options;
  options.port = port;
  Server again(options);
  EXPECT_TRUE(Connection(port).connected());
}

TEST(SimServerTest, ATakenPortIsSaid) {
  Server s;
  SimOptions options;
  options.port = s.server.port();
  SimServer second(options, s.market, s.clock);
  const auto started = second.start();
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(started.error().message.find("--port"), std::string::npos);
}

TEST(SimServerTest, ListensOnTheLoopbackAddressOnly) {
  Server s;
  EXPECT_TRUE(Connection(s.server.port(), INADDR_LOOPBACK).connected());
  EXPECT_FALSE(Connection(s.server.port(), 0x7f000002).connected()) << "127.0.0.2 is another address";
}

TEST(SimServerTest, StreamsCandlesOnTheSamePort) {
  Server s;
  Connection c = stream_to(s, "/ws/btcusdt@kline_15m");
  const std::string handshake = c.read_until("\r\n\r\n");
  EXPECT_TRUE(handshake.starts_with("HTTP/1.1 101")) << handshake;
  EXPECT_NE(handshake.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos) << "RFC 6455's own example";
  s.clock.advance(15 * kMinute);
  EXPECT_NE(c.read_until("\"x\":true").find("\"t\":1751328000000,"), std::string::npos);
  EXPECT_NE(c.read_until("\"x\":false").find("\"t\":1751328900000,"), std::string::npos);
  c.send_text(std::string("\x81\x85\0\0\0\0hello", 11));  // a masked text frame, the mask is zero
  EXPECT_NE(c.read_until("\"code\":3").find("\"code\":3"), std::string::npos);
}

TEST(SimServerTest, AStreamEndsWithItsReason) {
  Server s(with_faults(R"({"do":"disconnect","path":"/stream*","ms":1000})"));
  Connection old = stream_to(s, "/ws"), broken = stream_to(s, "/stream");
  (void)old.read_until("\r\n\r\n");
  (void)broken.read_until("\r\n\r\n");
  s.clock.advance(kDay);
  EXPECT_NE(old.read_until("24 hours").find("24 hours"), std::string::npos);
  EXPECT_EQ(broken.read_until("never"), "");
  EXPECT_EQ(s.server.fault_strikes(), (std::vector<std::int64_t>{1}));
  EXPECT_TRUE(stream_to(s, "/nowhere").read_until("\r\n").starts_with("HTTP/1.1 404"));
}

TEST(SimServerTest, FaultsOnTheWire) {
  Server s(with_faults(R"({"do":"reset","count":1}
{"do":"truncate","bytes":5,"first":2,"count":1}
{"do":"slow","bytes_per_second":4000,"first":3,"count":1}
{"do":"status","status":403,"first":4,"count":1}
{"do":"latency","ms":1})"));
  const auto ask = [&] {
    Connection c(s.server.port());
    c.send_text("GET /api/v3/time HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return c.read_until("never");
  };
  EXPECT_EQ(ask(), "");
  const std::string torn = ask();
  EXPECT_NE(torn.find("Content-Length: 28"), std::string::npos) << torn;
  EXPECT_TRUE(torn.ends_with("\r\n\r\n{\"ser")) << torn;
  EXPECT_TRUE(ask().ends_with("{\"serverTime\":1751328000000}"));
  EXPECT_TRUE(ask().starts_with("HTTP/1.1 403 Forbidden"));
}

TEST(SimServerTest, ServesManyConnectionsAtOnce) {
  Server s;
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      Connection c(s.server.port());
      for (int i = 0; i < 10; ++i) {
        c.send_text("GET /api/v3/klines?symbol=ETHUSDT&interval=1h&limit=50 HTTP/1.1\r\nHost: x\r\n\r\n");
        right += c.read_until("]]").starts_with("HTTP/1.1 200") ? 1 : 0;
      }
    });
  }
  for (auto& t : threads)
    t.join();
  EXPECT_EQ(right, 80);
}

}  // namespace
}  // namespace mop::sim
