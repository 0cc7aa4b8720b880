// Candles as the exchange writes them. One writer for REST, archive and stream, so their digits agree.
#pragma once
#include <span>
#include <string>

#include "mop/market/candle.h"

namespace mop::sim {

enum class TimeUnit : std::uint8_t { kMillis, kMicros };

/// An instant, and a candle's close time (the last unit before the next candle), in the unit.
std::int64_t instant_in(TimeUnit unit, UnixMillis t);
std::int64_t close_in(TimeUnit unit, UnixMillis close_time);

/// The array GET /api/v3/klines answers.
std::string klines_json(std::span<const market::Candle> candles, TimeUnit unit);

/// The lines of an archive file: the same 12 columns without quotes, no header.
std::string klines_csv(std::span<const market::Candle> candles, TimeUnit unit);

/// What a kline stream pushes: event time `now`, closed or still running. Trade ids are made up: they ascend
/// with time and number the candle's trades, -1 when there is none.
std::string kline_event(const market::Candle& candle, market::Interval interval, std::string_view symbol,
                        bool closed, UnixMillis now, TimeUnit unit);

}  // namespace mop::sim
