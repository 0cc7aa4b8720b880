#include "mop/market/candle.h"

#include <algorithm>

#include <fmt/format.h>

namespace mop::market {
namespace {

tl::unexpected<Error> bad(const Candle& c, std::string_view rule) {
  return fail(ErrorCode::kCorrupt,
              fmt::format("candle of {} (open_time {}): {}", format_utc(c.open_time), c.open_time, rule));
}

}  // namespace

std::variant<Candle, OpenCandle> classify(const Candle& stated, UnixMillis exchange_now) {
  if (stated.close_time < exchange_now) return stated;
  return OpenCandle(stated);
}

Result<void> validate(const Candle& c, Interval interval) {
  const DurationMillis length = length_of(interval);
  if (c.open_time % length != 0) {
    return bad(c, fmt::format("open time must be a multiple of {}", to_string(interval)));
  }
  if (c.close_time != c.open_time + length - 1) {
    return bad(c, fmt::format("close time must be {}, was {}", c.open_time + length - 1, c.close_time));
  }
  if (c.open.empty() || c.high.empty() || c.low.empty() || c.close.empty() || c.volume.empty()) {
    return bad(c, "open, high, low, close and volume must all be present");
  }
  const double low = c.low.value(), high = c.high.value();
  if (!(low > 0.0)) return bad(c, fmt::format("prices must be above 0, low was {}", c.low.text()));
  if (high < low) return bad(c, fmt::format("high {} is below low {}", c.high.text(), c.low.text()));
  const double open = c.open.value(), close = c.close.value();
  if (std::min(open, close) < low || std::max(open, close) > high) {
    return bad(c, fmt::format("open {} and close {} must lie within low {} and high {}", c.open.text(),
                              c.close.text(), c.low.text(), c.high.text()));
  }
  return {};
}

}  // namespace mop::market
