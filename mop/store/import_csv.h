// Candle files of other tools: many layouts in, checked candles out. See docs/formats/candle_file.md,
// "Import".
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"
#include "mop/market/candle.h"
#include "mop/store/candle_store.h"

namespace mop::store {

/// What a foreign file held.
struct ImportedFile {
  std::vector<market::Candle> candles;  // valid, ascending, unique
  std::size_t duplicates = 0;           // repeats of the row before, equal in every column: left out
  bool open_candle_left_out = false;    // the last row was not finished at `now`
};

/// Symbol and interval from "BTCUSDT_1h.csv" or an archive's "BTCUSDT-1h-2024-12[-31].csv"; directories
/// before the name are ignored. Errors: kInvalidArgument telling the rule, the symbol's or the interval's
/// own.
Result<SeriesKey> series_of_file_name(std::string_view path);

/// Reads 6, 10, 11 or 12 columns with a header, or Binance's 11 or 12 (or the plain 6) without one. A file
/// with any bad row is refused whole. `what` names it in errors; candles closing after `now` are unfinished.
/// Errors: kCorrupt naming file, first bad line, rule and value.
Result<ImportedFile> parse_foreign(std::string_view bytes, market::Interval interval, UnixMillis now,
                                   std::string_view what);

}  // namespace mop::store
