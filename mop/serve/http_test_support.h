// A board as a running service would fill it, a ledger that fits, and a plain HTTP client, for tests of the
// API.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mop/base/clock.h"
#include "mop/market/symbol.h"
#include "mop/serve/board.h"
#include "mop/serve/ledger_test_support.h"

namespace mop::serve {

/// A clock that the server's thread reads while the test sets it.
class SharedClock final : public Clock {
 public:
  UnixMillis now() override { return now_.load(); }
  void sleep_for(DurationMillis duration) override { now_ += duration; }
  void advance(DurationMillis by) { now_ += by; }

 private:
  std::atomic<UnixMillis> now_{kT0};
};

/// Candles up to close `n` whose last close is the price the forecast at `n` was made at.
inline std::vector<BoardCandle> test_candles(int n, market::Interval interval, std::size_t count) {
  std::vector<BoardCandle> candles(count);
  double close = price_at(n);
  for (std::size_t back = 0; back < count; ++back) {
    Rng rng(11, static_cast<std::uint64_t>(n) * 4096 + back);
    const double open = close * std::exp(0.004 * rng.normal());
    const double room = 0.003 * close * std::abs(rng.normal());
    candles[count - 1 - back] = {close_of(n - static_cast<int>(back) - 1, interval) + 1,
                                 open,
                                 std::max(open, close) + room,
                                 std::min(open, close) - room,
                                 close,
                                 1000.0 + static_cast<double>(back)};
    close = open;
  }
  return candles;
}

inline BoardSeries test_board_series(std::string symbol, market::Interval interval, int n) {
  BoardSeries s;
  s.key = {symbol, interval};
  s.candles = test_candles(n, interval, kBoardCandles);
  s.last_price = s.candles.back().close * 1.001;
  s.last_close_time = close_of(n, interval);
  s.forecast = test_forecast(n, std::move(symbol), interval);
  s.seq = n + 2;
  s.champion = s.forecast->champion;
  s.champion_reason = "best on its validation block";
  return s;
}

inline BoardModel test_board_model() {
  const ModelRow row = test_model();
  return {row.id, row.sha256, row.trained_until, true, "", false};
}

/// All series of these coins after the close `n`.
inline std::shared_ptr<Board> test_board(int n,
                                         const std::vector<std::string>& symbols = {"BTCUSDT", "ETHUSDT"}) {
  auto board = std::make_shared<Board>();
  board->version = n;
  board->health.ready = true;
  board->health.stream = "connected";
  board->health.exchange_now = close_of(n) + 150;
  board->health.last_close = close_of(n);
  board->health.forecasts = n;
  board->health.close_to_ledger_ms = 12.5;
  for (const std::string& symbol : symbols) {
    for (const market::Interval interval : market::kIntervals)
      board->series.push_back(test_board_series(symbol, interval, n));
  }
  board->models.push_back(test_board_model());
  return board;
}

struct ClientReply {
  int status = 0;                              // 0: the connection ended instead
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

/// One TCP connection to loopback; reads give up after ten seconds.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port, int receive_buffer = 0) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    const timeval limit{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (receive_buffer > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  }
  ~HttpClient() {
    if (fd_ >= 0) close(fd_);
  }
  HttpClient(HttpClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), got_(std::move(other.got_)) {}
  HttpClient(const HttpClient&) = delete;

  bool connected() const { return connected_; }
  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void ask(std::string_view target, std::string_view headers = "", std::string_view method = "GET") {
    send(fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", method, target, headers));
  }
  ClientReply get(std::string_view target, std::string_view headers = "", std::string_view method = "GET") {
    ask(target, headers, method);
    return reply(method != "HEAD");
  }

  /// Up to and with the next occurrence of `end`; what came when the connection ended.
  std::string read_until(std::string_view end) {
    std::size_t at = 0;
    while ((at = got_.find(end)) == std::string::npos) {
      if (!receive()) return std::exchange(got_, {});
    }
    std::string text = got_.substr(0, at + end.size());
    got_.erase(0, text.size());
    return text;
  }
  ClientReply reply(bool with_body = true) {
    ClientReply reply;
    const std::string head = read_until("\r\n\r\n");
    if (head.size() < 12 || !head.ends_with("\r\n\r\n")) return reply;
    reply.status = std::stoi(head.substr(9, 3));
    for (std::size_t at = head.find("\r\n") + 2; at < head.size() - 2;) {
      const std::size_t end = head.find("\r\n", at), colon = head.find(": ", at);
      std::string name = head.substr(at, colon - at);
      std::ranges::transform(name, name.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      reply.headers[name] = head.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
    if (!with_body || !reply.headers.contains("content-length")) return reply;
    const std::size_t size = std::stoul(reply.headers["content-length"]);
    while (got_.size() < size && receive()) {
    }
    reply.body = got_.substr(0, size);
    got_.erase(0, size);
    return reply;
  }
  /// The server has ended the connection, and nothing more came.
  bool ended() { return got_.empty() && !receive() && got_.empty(); }

 private:
  bool receive() {
    std::array<char, 16384> bytes;
    const ssize_t n = recv(fd_, bytes.data(), bytes.size(), 0);
    if (n <= 0) return false;
    got_.append(bytes.data(), static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  bool connected_ = false;
  std::string got_;
};

}  // namespace mop::serve
