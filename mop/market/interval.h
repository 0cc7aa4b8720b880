#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "mop/base/result.h"
#include "mop/base/time.h"

namespace mop::market {

/// Candle lengths MOP works with.
enum class Interval : std::uint8_t { k15m, k1h };

inline constexpr std::array<Interval, 2> kIntervals{Interval::k15m, Interval::k1h};

/// "15m" or "1h", Binance's spelling (case-sensitive).
std::string_view to_string(Interval interval);
/// Errors: kInvalidArgument naming the text and the known ones.
Result<Interval> parse_interval(std::string_view text);
/// 900,000 or 3,600,000 ms.
DurationMillis length_of(Interval interval);
/// Candles in 24 hours: 96 or 24.
std::size_t candles_per_day(Interval interval);

}  // namespace mop::market
