// Which version of a candle stays.
#pragma once
#include <span>
#include <vector>

#include "mop/market/candle.h"

namespace mop::store {

/// One stored candle that a later version replaced.
struct Revision {
  market::Candle before, after;
};

/// Open times of taken candles without a kept one in between.
struct Taken {
  UnixMillis from, to;
};

struct Combined {
  std::vector<market::Candle> candles;  // ascending and unique
  std::size_t added = 0, changed = 0;   // of the fresh ones; the rest was stored already
  std::vector<Revision> revisions;      // the changed ones
  std::vector<Taken> taken;             // where the fresh ones stand now, ascending
};

/// Puts fresh candles over stored ones, both ascending and unique: the later version wins, and what it leaves
/// open (absent columns) is kept from the stored one while both state the same prices and volume. An equal
/// candle keeps its stored spelling.
Combined combine(std::span<const market::Candle> stored, std::span<const market::Candle> fresh);

/// Ascending and unique; of several versions of one candle the last in the given order.
std::vector<market::Candle> last_versions(std::vector<market::Candle> candles);

}  // namespace mop::store
