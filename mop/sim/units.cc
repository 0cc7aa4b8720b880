#include "mop/sim/units.h"

#include <algorithm>

#include <fmt/format.h>

#include "mop/base/check.h"

namespace mop::sim {

void extend(Bar& bar, const Bar& later) {
  bar.high = std::max(bar.high, later.high);
  bar.low = std::min(bar.low, later.low);
  bar.close = later.close;
  bar.volume += later.volume;
  bar.taker_base += later.taker_base;
  bar.quote_volume += later.quote_volume;
  bar.taker_quote += later.taker_quote;
  bar.trades += later.trades;
}

market::Decimal padded_decimal(std::int64_t value, int decimals) {
  MOP_CHECK(value >= 0 && decimals >= 0 && decimals <= kDecimals)
      << value << " with " << decimals << " places";
  std::int64_t scale = 1, pad = 1;
  for (int i = 0; i < decimals; ++i)
    scale *= 10;
  for (int i = decimals; i < kDecimals; ++i)
    pad *= 10;
  const auto made = market::Decimal::parse(fmt::format("{}.{:08}", value / scale, value % scale * pad));
  MOP_CHECK(made.has_value()) << made.error().message;
  return *made;
}

std::string padded_text(const market::Decimal& number) {
  std::string text(number.empty() ? "0" : number.text());
  const std::size_t point = text.find('.');
  if (point == std::string::npos) text += '.';
  const std::size_t places = point == std::string::npos ? 0 : text.size() - point - 1;
  if (places < kDecimals) text.append(kDecimals - places, '0');
  return text;
}

market::Candle to_candle(const Bar& bar, UnixMillis open_time, market::Interval interval,
                         int quantity_decimals) {
  market::Candle c;
  c.open_time = open_time;
  c.close_time = open_time + market::length_of(interval) - 1;
  c.open = padded_decimal(bar.open, kDecimals);
  c.high = padded_decimal(bar.high, kDecimals);
  c.low = padded_decimal(bar.low, kDecimals);
  c.close = padded_decimal(bar.close, kDecimals);
  c.volume = padded_decimal(bar.volume, quantity_decimals);
  c.quote_volume = padded_decimal(bar.quote_volume, kDecimals);
  c.trades = bar.trades;
  c.taker_buy_base = padded_decimal(bar.taker_base, quantity_decimals);
  c.taker_buy_quote = padded_decimal(bar.taker_quote, kDecimals);
  return c;
}

}  // namespace mop::sim
