#include "mop/sim/candle_text.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "mop/sim/units.h"

namespace mop::sim {
namespace {

std::int64_t trades_of(const market::Candle& c) {
  return std::max<std::int64_t>(0, c.trades);
}

}  // namespace

std::int64_t instant_in(TimeUnit unit, UnixMillis t) {
  return unit == TimeUnit::kMicros ? t * 1000 : t;
}

std::int64_t close_in(TimeUnit unit, UnixMillis close_time) {
  return instant_in(unit, close_time + 1) - 1;
}

std::string klines_json(std::span<const market::Candle> candles, TimeUnit unit) {
  std::string body = "[";
  for (const market::Candle& c : candles) {
    fmt::format_to(std::back_inserter(body), R"({}[{},"{}","{}","{}","{}","{}",{},"{}",{},"{}","{}","0"])",
                   body.size() > 1 ? "," : "", instant_in(unit, c.open_time), padded_text(c.open),
                   padded_text(c.high), padded_text(c.low), padded_text(c.close), padded_text(c.volume),
                   close_in(unit, c.close_time), padded_text(c.quote_volume), trades_of(c),
                   padded_text(c.taker_buy_base), padded_text(c.taker_buy_quote));
  }
  return body + "]";
}

std::string klines_csv(std::span<const market::Candle> candles, TimeUnit unit) {
  std::string lines;
  for (const market::Candle& c : candles) {
    fmt::format_to(std::back_inserter(lines), "{},{},{},{},{},{},{},{},{},{},{},0\n",
                   instant_in(unit, c.open_time), padded_text(c.open), padded_text(c.high),
                   padded_text(c.low), padded_text(c.close), padded_text(c.volume),
                   close_in(unit, c.close_time), padded_text(c.quote_volume), trades_of(c),
                   padded_text(c.taker_buy_base), padded_text(c.taker_buy_quote));
  }
  return lines;
}

std::string kline_event(const market::Candle& c, market::Interval interval, std::string_view symbol,
                        bool closed, UnixMillis now, TimeUnit unit) {
  constexpr std::int64_t kIdsPerMinute = 1'000'000;
  const std::int64_t trades = trades_of(c);
  const std::int64_t first = trades > 0 ? c.open_time / kMinute * kIdsPerMinute : -1;
  return fmt::format(
      R"({{"e":"kline","E":{},"s":"{}","k":{{"t":{},"T":{},"s":"{}","i":"{}","f":{},"L":{},)"
      R"("o":"{}","c":"{}","h":"{}","l":"{}","v":"{}","n":{},"x":{},"q":"{}","V":"{}","Q":"{}","B":"0"}}}})",
      instant_in(unit, now), symbol, instant_in(unit, c.open_time), close_in(unit, c.close_time), symbol,
      market::to_string(interval), first, trades > 0 ? first + trades - 1 : -1, padded_text(c.open),
      padded_text(c.close), padded_text(c.high), padded_text(c.low), padded_text(c.volume), trades, closed,
      padded_text(c.quote_volume), padded_text(c.taker_buy_base), padded_text(c.taker_buy_quote));
}

}  // namespace mop::sim
