// Which close is due: candles come series by series, a forecast needs all of them.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "mop/base/time.h"
#include "mop/serve/model_host.h"

namespace mop::serve {

/// An instant whose candles are complete, or are not waited for any longer.
struct DueClose {
  UnixMillis close_time = 0;
  std::vector<LiveCandle> candles;
  std::vector<store::SeriesKey> absent;  // traded until now, but have no candle here
};

/// Puts candles in the order of their closes and waits, for a time, until every series that trades has its
/// candle. Knows no clock: `now` is the exchange's.
class CloseGate {
 public:
  /// A close is waited for until `grace` behind it; from then on its absent candles are wanted of REST, and
  /// at twice the grace it is due without them.
  explicit CloseGate(DurationMillis grace) : grace_(grace) {}

  /// A series whose newest candle in use closes at `last_close` (0: none). REQUIRES: each once, before
  /// offers.
  void add(const store::SeriesKey& series, UnixMillis last_close);

  /// kTaken: will be due. kKnown: in use already, or of no series that was added. kLate: its instant was
  /// passed without it: what was made since must be made anew.
  enum class Offered : std::uint8_t { kTaken, kKnown, kLate };
  Offered offer(LiveCandle candle);

  /// The next instant that is due, ascending without a gap. Call until there is none. While somebody who is
  /// `patient` still hopes for absent candles (REST is being asked), there is no end to the grace.
  std::optional<DueClose> due(UnixMillis now, bool patient = false);

  /// Series whose candle of the next instant is overdue: REST may have it.
  std::vector<store::SeriesKey> overdue(UnixMillis now) const;

  /// Newest instant that was due; 0 before the first.
  UnixMillis done() const { return done_; }
  /// The one after it; 0 before the first.
  UnixMillis next() const { return done_ == 0 ? 0 : done_ + 15 * kMinute; }
  /// True while a series trades: it had its candle at the last instant at which any of its timeframe had, or
  /// has been offered a newer one.
  bool trades(const store::SeriesKey& series) const;

 private:
  struct State {
    UnixMillis last = 0;  // close of the newest candle given out
    bool trading = true;
    std::map<UnixMillis, LiveCandle> waiting;
  };
  using Key = std::pair<market::Interval, std::string>;
  static Key key_of(const store::SeriesKey& series) { return {series.interval, series.symbol}; }

  DurationMillis grace_;
  UnixMillis done_ = 0;
  std::map<Key, State> series_;
};

}  // namespace mop::serve
