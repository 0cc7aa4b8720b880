// The rules of Binance's WebSocket market streams for one connection: text in, frames out, no sockets, no
// clock. Whoever holds the socket calls step() as time goes by.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mop/sim/candle_text.h"
#include "mop/sim/fault_script.h"
#include "mop/sim/faulty_market.h"
#include "mop/sim/market_source.h"

namespace mop::sim {

/// Durations are of the simulated clock.
struct StreamRules {
  DurationMillis push_every = 2 * kSecond;
  DurationMillis ping_every = 20 * kSecond;
  DurationMillis pong_within = kMinute;
  DurationMillis lifetime = kDay;
  int messages_per_second = 5;
  std::size_t streams = 1024;
};

/// What is to be sent.
struct Frame {
  enum class Kind : std::uint8_t { kText, kPing, kClose, kBreak };  // kBreak: drop the socket without a word
  Kind kind = Kind::kText;
  std::string payload;  // text, ping payload, or the reason of the close
  int close_code = 0;
};

/// A connection to /ws, /ws/<stream>[/<stream>...] (raw) or /stream[?streams=<a>/<b>] (combined), with
/// timeUnit=MICROSECOND if wanted. Not thread-safe.
class StreamSession {
 public:
  /// Nothing when the target is not one of these. `market` must outlive the session; `faults` are those the
  /// script drew for this connection.
  static std::unique_ptr<StreamSession> open(std::string_view target, MarketSource& market,
                                             std::vector<Fault> faults, const StreamRules& rules,
                                             UnixMillis now);

  void on_text(std::string_view text, UnixMillis now);
  void on_ping(UnixMillis now);  // the socket's side answers it
  void on_pong(std::string_view payload, UnixMillis now);
  /// Everything that is due at `now`: closed and running candles, pings, the end of the connection. A clock
  /// that jumped is caught up with: every close is stated, running candles and pings only once.
  void step(UnixMillis now);

  /// Takes the frames to send, oldest first. After a kClose or kBreak there are no more.
  std::vector<Frame> take();
  bool ended() const { return ended_; }
  std::size_t subscriptions() const { return streams_.size(); }

 private:
  struct Stream {
    std::string name, symbol;  // symbol "": the name means nothing, nothing is ever sent
    market::Interval interval = market::Interval::k15m;
    UnixMillis running = 0;  // open time of the candle that runs
    std::int64_t slot = 0;   // of the last push: now / push_every
  };
  StreamSession(MarketSource& market, std::vector<Fault> faults, const StreamRules& rules, UnixMillis now);

  bool count_message(UnixMillis now);
  void subscribe(const std::vector<std::string>& names, UnixMillis now);
  void unsubscribe(const std::vector<std::string>& names);
  void step_stream(Stream& stream, UnixMillis now);
  void step_faults(UnixMillis now);
  void step_ping(UnixMillis now);
  void push(const Stream& stream, UnixMillis open_time, bool closed, UnixMillis now);
  void send_event(std::string_view stream, std::string_view event);
  void send_text(std::string text);
  void close(int code, std::string reason);

  FaultyMarket market_;
  std::vector<Fault> faults_;  // those of streams; each is dropped when it has struck
  const StreamRules rules_;
  const UnixMillis opened_;
  TimeUnit unit_ = TimeUnit::kMillis;
  bool combined_ = false, silent_ = false, ended_ = false;
  std::optional<UnixMillis> going_down_;
  std::vector<Stream> streams_;
  std::deque<UnixMillis> messages_;          // arrivals of the last second
  std::deque<UnixMillis> unanswered_pings_;  // each ping's payload is its time
  UnixMillis last_ping_;
  std::vector<Frame> out_;
};

}  // namespace mop::sim
