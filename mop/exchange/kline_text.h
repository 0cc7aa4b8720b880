// Frames of kline streams, for tests.
#pragma once
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "mop/base/time.h"
#include "mop/market/interval.h"

namespace mop::exchange {

/// A frame of a combined connection. A price is part of what tells two statements of one candle apart.
inline std::string kline_text(std::string_view symbol, market::Interval interval, UnixMillis open_time,
                              bool closed, UnixMillis event_time, std::string_view price = "2.5") {
  return fmt::format(
      R"({{"stream":"x","data":{{"e":"kline","E":{},"s":"{}","k":{{"t":{},"T":{},"s":"{}","i":"{}","f":1,"L":2,)"
      R"("o":"2.5","c":"{}","h":"9.0","l":"1.0","v":"10","n":3,"x":{},"q":"25","V":"5","Q":"12"}}}}}})",
      event_time, symbol, open_time, open_time + market::length_of(interval) - 1, symbol,
      market::to_string(interval), price, closed);
}

}  // namespace mop::exchange
