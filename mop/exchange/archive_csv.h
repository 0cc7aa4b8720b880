// The CSV inside a zip of Binance's bulk archive.
#pragma once
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/market/candle.h"
#include "mop/market/interval.h"

namespace mop::exchange {

/// Rows as candles, in file order and exactly as REST states them: times in milliseconds (the archive has
/// microseconds from 2025-01-01; each value is told by its size, >= 1e14), decimals padded to 8 places where
/// a file has fewer, close times on the grid. A first line that begins with a letter is a header and is
/// passed over; so are rows off the interval's grid. `what` names the file. Errors: kCorrupt naming line and
/// column.
Result<std::vector<market::Candle>> parse_archive_csv(std::string_view text, market::Interval interval,
                                                      std::string_view what);

}  // namespace mop::exchange
