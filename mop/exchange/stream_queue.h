// From the stream's thread to its consumer: everything once and in order, of open candles only the newest.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "mop/base/time.h"
#include "mop/exchange/stream_event.h"

namespace mop::exchange {

/// Thread-safe. Holds at most one open candle per series, so a slow consumer is never flooded; an open candle
/// waits behind everything else and is forgotten when its candle closes or the stream is disconnected.
class StreamQueue {
 public:
  explicit StreamQueue(std::size_t series) : open_(series) {}

  void push(StreamEvent event);
  /// The next event; waits for one at most `timeout` of the machine's time. After close() what is left, then
  /// nothing, at once.
  std::optional<StreamEvent> next(DurationMillis timeout);
  void close();

 private:
  void push_open(StreamCandle candle);  // both REQUIRE: mutex_ is held
  void forget_open(std::size_t series);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<StreamEvent> events_;                 // closed candles and news of the connection
  std::vector<std::optional<StreamCandle>> open_;  // by series
  std::deque<std::size_t> waiting_;                // series with an open candle, the longest waiting first
  bool closed_ = false;
};

}  // namespace mop::exchange
