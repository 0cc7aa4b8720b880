// What the simulated exchange trades: candles of any symbol and time, made up or recorded.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/market/candle.h"
#include "mop/market/interval.h"

namespace mop::sim {

struct Listing {
  std::string symbol;
  bool trading = true;      // false: no longer traded, its candles are still served (BREAK)
  double tick_size = 0.0;   // smallest price step, quote currency
  double step_size = 0.0;   // smallest quantity step, base currency
  std::string status = {};  // as exchangeInfo names it; "": TRADING or BREAK by `trading`
  bool filters = true;      // false: exchangeInfo lists none for it
};

/// Open times first..last, both inclusive; of more than `limit` candles the oldest are given, or the newest.
struct CandleWindow {
  UnixMillis first = 0;
  UnixMillis last = std::numeric_limits<UnixMillis>::max();
  std::size_t limit = 500;
  bool newest = false;
};

class MarketSource {
 public:
  virtual ~MarketSource() = default;
  /// Symbols known at `now`.
  virtual std::vector<Listing> listings(UnixMillis now) = 0;
  /// Candles as an exchange states them at `now`, ascending: none opens after `now`, and the one that runs at
  /// `now` shows what traded so far. Errors: kNotFound for an unknown symbol. Thread-safe.
  virtual Result<std::vector<market::Candle>> candles(std::string_view symbol, market::Interval interval,
                                                      const CandleWindow& window, UnixMillis now) = 0;
};

}  // namespace mop::sim
