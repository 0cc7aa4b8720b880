// Who delivered which stored candles.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/time.h"

namespace mop::store {

/// Stored candles with open times from `from` to `to` (inclusive) that one source delivered. Times in between
/// without a stored candle belong to nobody.
struct SourceRange {
  UnixMillis from = 0, to = 0;
  std::string source;  // "binance", "archive", "import", "ccxt:<exchange>", "unknown"

  friend bool operator==(const SourceRange&, const SourceRange&) = default;
};

/// Notes that `source` delivered the candles from `from` to `to`: what the ranges said of this time is
/// replaced, neighbours of one source become one range. `ranges` must be ascending and disjoint, and stay so.
void assign_source(std::vector<SourceRange>& ranges, UnixMillis from, UnixMillis to, std::string_view source);

/// True for rows of another exchange than Binance ("ccxt:kucoin"): never to be mixed in silence.
bool is_foreign(std::string_view source);

/// Ascending and disjoint.
bool are_in_order(std::span<const SourceRange> ranges);

}  // namespace mop::store
