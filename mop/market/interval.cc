#include "mop/market/interval.h"

#include <fmt/format.h>

namespace mop::market {

std::string_view to_string(Interval interval) {
  return interval == Interval::k15m ? "15m" : "1h";
}

Result<Interval> parse_interval(std::string_view text) {
  for (const Interval interval : kIntervals) {
    if (text == to_string(interval)) return interval;
  }
  return fail(ErrorCode::kInvalidArgument, fmt::format("timeframe must be 15m or 1h, was '{}'", text));
}

DurationMillis length_of(Interval interval) {
  return interval == Interval::k15m ? 15 * kMinute : kHour;
}

std::size_t candles_per_day(Interval interval) {
  return static_cast<std::size_t>(kDay / length_of(interval));
}

}  // namespace mop::market
