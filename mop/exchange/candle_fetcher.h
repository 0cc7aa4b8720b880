// From "these candles, please" to finished, checked candles: paging, the open candle, dead symbols.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/exchange/binance_rest.h"
#include "mop/market/candle.h"
#include "mop/market/interval.h"

namespace mop::exchange {

/// Which candles: all from `since` on (open time, inclusive), or else the `newest` ones.
struct FetchRange {
  std::optional<UnixMillis> since;
  std::size_t newest = 1000;
  std::optional<UnixMillis> until = std::nullopt;  // open time, inclusive; nothing later is asked for
};

struct FetchedCandles {
  std::vector<market::Candle> candles;  // finished and valid, ascending, unique
  std::size_t misaligned = 0;           // rows left out: open time off the interval's grid (2017 and 2018)
  std::size_t rows_received = 0;        // everything the exchange sent, the open candle included
};

/// Called after each page with the candles so far; false stops the fetch with kInterrupted.
using OnPage = std::function<bool(std::size_t candles)>;

/// Fetches in pages of at most 1000 rows. `server_now` is the exchange's clock (BinanceRest::server_time):
/// only candles with close_time < server_now come back. A symbol that no longer trades gives its last
/// `newest` candles. Errors: those of BinanceRest; kCorrupt naming symbol, interval and candle when a row
/// breaks a rule of market::validate; kInvalidArgument for newest = 0.
Result<FetchedCandles> fetch_candles(BinanceRest& rest, const std::string& symbol, market::Interval interval,
                                     const FetchRange& range, UnixMillis server_now,
                                     const OnPage& on_page = {});

}  // namespace mop::exchange
