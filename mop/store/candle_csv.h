// The store's own candle file: text <-> candles. See docs/formats/candle_file.md.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/market/candle.h"
#include "mop/market/candle_series.h"
#include "mop/market/interval.h"

namespace mop::store {

inline constexpr std::string_view kCandleHeader =
    "open_time,open,high,low,close,volume,close_time,quote_volume,trades,taker_buy_base,taker_buy_quote";

/// One row with its line end; absent columns stay empty.
void append_row(std::string& out, const market::Candle& candle);

/// Bytes behind the last line end: a row whose writing was cut short. 0 in a healthy file.
std::size_t torn_bytes(std::string_view bytes);

/// A line of a candle file that breaks a rule.
struct RowProblem {
  std::size_t line;      // 1 is the header
  UnixMillis open_time;  // 0 when it cannot be read
  std::string rule;      // header | columns | number | grid | order | duplicate | ohlc | torn_tail
  std::string message;   // one sentence, without the file's name
};

/// All rows as columns of doubles. A torn last line is ignored. `what` names the file in errors. Errors:
/// kCorrupt naming file, first bad line and rule.
Result<market::CandleSeries> parse_series(std::string_view bytes, std::string_view symbol,
                                          market::Interval interval, std::string_view what);
/// All rows with their exact text. Errors: as parse_series.
Result<std::vector<market::Candle>> parse_candles(std::string_view bytes, market::Interval interval,
                                                  std::string_view what);

/// What a whole reading of a file found: rows in file order that obey every rule of their own (they may still
/// be out of order), and every problem.
struct FileScan {
  std::vector<market::Candle> rows;
  std::size_t lines = 0;  // complete lines after the header
  std::vector<RowProblem> problems;
};
FileScan scan(std::string_view bytes, market::Interval interval);

/// Offset of the first row whose open time is >= t (the size of the complete part when there is none), by
/// bisection. REQUIRES: `bytes` is a file whose rows ascend; a line that is no row counts as before t.
std::size_t offset_of(std::string_view bytes, UnixMillis t);

/// The rows between two offsets that offset_of gave. Errors: as parse_series.
Result<std::vector<market::Candle>> parse_rows(std::string_view bytes, std::size_t begin, std::size_t end,
                                               market::Interval interval, std::string_view what);

/// Text from a file, fit for a message: at most 80 characters, control characters shown as '?'.
std::string shown(std::string_view text);

}  // namespace mop::store
