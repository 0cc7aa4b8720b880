// Whole numbers behind the simulated market: sums of them are exact, so 1h candles equal their four 15m ones.
#pragma once
#include <cstdint>
#include <string>

#include "mop/market/candle.h"

namespace mop::sim {

/// One 1e-8 of the quote currency: prices and quote volumes are counted in these.
inline constexpr double kUnit = 1e-8;
inline constexpr int kDecimals = 8;  // places of every number the real API sends

/// Numbers of one candle.
struct Bar {
  std::int64_t open = 0, high = 0, low = 0, close = 0;  // units of 1e-8 quote currency
  std::int64_t volume = 0, taker_base = 0;              // quantity steps of the coin
  std::int64_t quote_volume = 0, taker_quote = 0;       // units of 1e-8 quote currency
  std::int64_t trades = 0;
};

/// Appends a later bar: high, low, close and sums.
void extend(Bar& bar, const Bar& later);

/// value / 10^decimals as text with 8 places, like the real API: (12345, 2) -> "123.45000000".
/// REQUIRES: value >= 0, 0 <= decimals <= 8.
market::Decimal padded_decimal(std::int64_t value, int decimals);

/// The same number with at least 8 places: "42488.5" -> "42488.50000000"; "" becomes zero.
std::string padded_text(const market::Decimal& number);

market::Candle to_candle(const Bar& bar, UnixMillis open_time, market::Interval interval,
                         int quantity_decimals);

}  // namespace mop::sim
