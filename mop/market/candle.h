#pragma once
#include <cstdint>
#include <string>
#include <variant>

#include "mop/base/result.h"
#include "mop/base/time.h"
#include "mop/market/decimal.h"
#include "mop/market/interval.h"

namespace mop::market {

/// One finished candle, exactly as the exchange stated it. Everything that stores, trains or scores takes
/// this type; a candle that may still change is an OpenCandle and converts to nothing.
struct Candle {
  UnixMillis open_time = 0;
  Decimal open, high, low, close;  // quote currency
  Decimal volume;                  // base currency
  UnixMillis close_time = 0;       // open_time + interval - 1 ms
  Decimal quote_volume;            // this and the rest may be absent (empty, -1)
  std::int64_t trades = -1;
  Decimal taker_buy_base, taker_buy_quote;

  friend bool operator==(const Candle&, const Candle&) = default;
};

/// The newest candle while it still trades: numbers for display and for peeking, never stored.
class OpenCandle {
 public:
  explicit OpenCandle(const Candle& so_far) : so_far_(so_far) {}
  UnixMillis open_time() const { return so_far_.open_time; }
  UnixMillis close_time() const { return so_far_.close_time; }
  double last_price() const { return so_far_.close.value(); }

 private:
  Candle so_far_;
};

/// The one door from what an exchange sent to a Candle: finished means close_time < exchange_now, by the
/// exchange's clock.
std::variant<Candle, OpenCandle> classify(const Candle& stated, UnixMillis exchange_now);

/// Checks one candle: open_time on the interval's grid, close_time = open_time + interval - 1, prices > 0 and
/// present, low <= open, close <= high, volumes >= 0. Errors: kCorrupt naming the open time, rule and values.
Result<void> validate(const Candle& candle, Interval interval);

}  // namespace mop::market
