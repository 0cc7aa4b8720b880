// From the frames of kline streams to candles, each closed one once.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mop/base/result.h"
#include "mop/exchange/stream_event.h"

namespace mop::exchange {

/// What one frame says.
struct StreamNews {
  bool shutdown = false;               // the server goes down soon
  bool kline = false;                  // it is about a wanted series
  std::optional<StreamCandle> candle;  // what is new in it: nothing when it repeats or is overtaken
};

/// Remembers what was given, whatever connection it came by, so that several may state the same candles. Not
/// thread-safe.
class StreamCandles {
 public:
  /// Closed candles remembered per series; an older one counts as given.
  static constexpr std::size_t kRemembered = 2000;

  explicit StreamCandles(const std::vector<StreamSeries>& series);

  /// A closed candle is new when it was not given before; an open one when it is neither sent before the
  /// newest open one of its series nor of a candle that has closed. Errors: kCorrupt (no frame that Binance
  /// sends, or a closed candle that breaks a rule of market::validate).
  Result<StreamNews> read(std::string_view frame, std::int64_t received_us);

  std::int64_t repeated() const { return repeated_; }

 private:
  struct Series {
    market::Interval interval;
    std::set<UnixMillis> closed;  // open times given
    UnixMillis sent = 0;          // event time of the newest open candle
  };
  bool is_new(Series& series, const StreamCandle& candle);

  std::vector<Series> series_;
  std::map<std::pair<std::string, std::string>, std::size_t> places_;  // by symbol and interval
  std::int64_t repeated_ = 0;
};

}  // namespace mop::exchange
