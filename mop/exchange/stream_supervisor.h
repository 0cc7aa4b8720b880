// Keeps one kline stream alive: when to connect, where, when to give a connection up. No sockets, no thread,
// no clock: whoever has them says what happened and when.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/rng.h"
#include "mop/base/time.h"
#include "mop/exchange/stream_candles.h"
#include "mop/exchange/stream_event.h"
#include "mop/exchange/web_socket.h"

namespace mop::exchange {

/// Durations are the machine's.
struct KlineStreamOptions {
  /// So many names fit the 8 KB that servers take as an address line; the exchange allows 1024 streams.
  static constexpr std::size_t kMaxSeries = 256;

  std::vector<std::string> hosts;  // "wss://stream.binance.com:9443", tried in order (stream_hosts_from)
  std::vector<StreamSeries> series;
  DurationMillis connect_timeout = 10 * kSecond;  // name, TCP, TLS and upgrade together
  DurationMillis silence = 30 * kSecond;          // nothing heard, not even a ping (every 20 s): half-open
  DurationMillis candle_silence = kMinute;        // no candle of any series (they come every 2 s)
  DurationMillis lifetime = 23 * kHour;           // the exchange cuts at 24 h
  DurationMillis overlap = 5 * kSecond;           // both connections bring candles before the old one goes
  DurationMillis first_backoff = 250;  // doubles with every round of the hosts, jittered to 50..100 %
  DurationMillis max_backoff = 30 * kSecond;
  DurationMillis blocked_retry = kMinute;       // between attempts while every host refuses; jittered alike
  DurationMillis connect_window = 5 * kMinute;  // in which at most so many connections are attempted; the
  std::size_t connects_per_window = 100;        // exchange allows an address 300
  int bad_frames_in_a_row = 10;                 // end the connection
  std::uint64_t jitter_seed = 0;
};

/// The options for an exchange whose clock runs `speed` times as fast: what follows its clock gets shorter,
/// but not below half a second, which a busy machine may take itself. REQUIRES: speed >= 1.
KlineStreamOptions at_speed(KlineStreamOptions options, double speed);

struct StreamCounters {
  std::int64_t connects = 0;     // attempted
  std::int64_t disconnects = 0;  // StreamDisconnected
  std::int64_t handovers = 0;    // to a new connection without a hole
  std::int64_t frames = 0;
  std::int64_t bad_frames = 0;
  std::int64_t repeated = 0;  // closed candles that had been given already
};

struct OpenSocket {
  int socket = 0;  // a new number each time
  std::string url;
};
struct CloseSocket {
  int socket = 0;
};
using SocketCommand = std::variant<OpenSocket, CloseSocket>;

/// One connection carries all series. It is replaced, the new one first, before the exchange cuts it and when
/// the server goes down; otherwise when it is silent, broken or lost. Not thread-safe.
class StreamSupervisor {
 public:
  /// REQUIRES: at least one host and one series, at most kMaxSeries.
  explicit StreamSupervisor(KlineStreamOptions options);

  /// Something happened on a socket; numbers that were closed are ignored.
  void on(const SocketEvent& event);
  /// Does what is due at `now` (monotonic milliseconds from 0 on: SocketEvent::at_us / 1000). Call it after
  /// on() too.
  void step(DurationMillis now);
  /// When step() has something to do next, if nothing happens until then.
  DurationMillis next_due() const;

  std::vector<SocketCommand> take_commands() { return std::exchange(commands_, {}); }
  std::vector<StreamEvent> take_events() { return std::exchange(events_, {}); }
  StreamCounters counters() const;

 private:
  struct Link {
    int socket = 0;
    std::size_t host = 0;
    DurationMillis since = 0;  // connecting since; once open, open since
    bool open = false;
    bool proved = false;                   // it has brought a candle
    bool leaving = false;                  // its server goes down
    DurationMillis heard = 0, candle = 0;  // when it last brought anything, a candle of any series
    int bad_in_a_row = 0;
  };

  std::optional<Link>* find(int socket);
  void opened(std::optional<Link>& link, DurationMillis now);
  void read(std::optional<Link>& link, const std::string& frame, const SocketEvent& event);
  void hand_over(bool seamless, const std::string& why);
  void lose(std::optional<Link>& link, const SocketClosed& how, DurationMillis now);
  void retry_later(const Link& link, const SocketClosed& how, DurationMillis now);
  void check_silence(std::optional<Link>& link, DurationMillis now);
  void connect(DurationMillis now);
  bool replaceable() const;
  DurationMillis connect_due() const;
  DurationMillis silent_at(const Link& link) const;
  DurationMillis jittered(DurationMillis wait);

  const KlineStreamOptions options_;
  std::string target_;  // of every connection
  StreamCandles candles_;
  Rng rng_;
  std::optional<Link> current_;  // always open; the consumer is connected while there is one
  std::optional<Link> next_;     // on its way to take over
  int last_socket_ = 0;
  std::size_t host_ = 0;  // to try next
  DurationMillis retry_at_ = 0;
  std::deque<DurationMillis> attempts_;  // within the last connect_window
  std::size_t failures_ = 0;             // connections that failed since one brought a candle
  std::vector<bool> refusing_;           // by host, since then
  bool blocked_ = false;                 // and told
  StreamCounters counters_;
  std::vector<SocketCommand> commands_;
  std::vector<StreamEvent> events_;
};

}  // namespace mop::exchange
