// What the kline stream hands to its consumer.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "mop/base/time.h"
#include "mop/market/candle.h"
#include "mop/market/interval.h"

namespace mop::exchange {

struct StreamSeries {
  std::string symbol;  // "BTCUSDT"
  market::Interval interval = market::Interval::k1h;
};

/// A candle of one series. Closed ones come once each, valid, in the order in which the stream states them.
struct StreamCandle {
  std::size_t series = 0;        // its place in KlineStreamOptions::series
  UnixMillis event_time = 0;     // the exchange's clock when it was sent
  std::int64_t received_us = 0;  // monotonic_micros() when its bytes had been received
  std::variant<market::Candle, market::OpenCandle> candle;
};

/// From now on candles come. What closed before may have been missed: ask REST for it.
struct StreamConnected {
  std::string host;
};

/// From now on candles may be missed, and some that closed shortly before may have been, until a
/// StreamConnected. When the stream did not end but may have had a hole, that one follows at once.
struct StreamDisconnected {
  std::string why;
};

/// Every host refuses the stream or cannot be reached; it is tried again at a slow pace until a
/// StreamConnected. Comes once per outage, never while connected.
struct StreamBlocked {
  std::string why;
};

using StreamEvent = std::variant<StreamCandle, StreamConnected, StreamDisconnected, StreamBlocked>;

}  // namespace mop::exchange
