// Long histories: bulk archive where it has files, REST for the rest, several pieces at a time.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/exchange/archive.h"
#include "mop/exchange/binance_rest.h"
#include "mop/market/candle.h"
#include "mop/market/interval.h"

namespace mop::exchange {

inline constexpr std::string_view kRestSource = "binance";
inline constexpr std::string_view kArchiveSource = "archive";

/// Where candles come from. At least one of the two; both must outlive the fetch.
struct HistorySources {
  BinanceRest* rest = nullptr;
  Archive* archive = nullptr;
  std::size_t lanes = 4;  // pieces fetched at a time
};

/// Open times [from, to], both inclusive.
struct HistoryRange {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  UnixMillis from = 0, to = 0;
};

/// An archive file that must not be used, and why.
struct Quarantined {
  std::string name, reason;
};

struct HistoryReport {
  std::size_t candles = 0;
  std::size_t misaligned = 0;
  std::size_t archive_files = 0;         // used
  std::vector<Quarantined> quarantined;  // their time was taken from REST, when there is one
};

/// Takes finished, valid, ascending candles of one source. Calls come one at a time, and later calls bring
/// later candles. An error ends the fetch.
using OnCandles = std::function<Result<void>(std::span<const market::Candle>, std::string_view source)>;

/// Fetches the range. Only candles with close_time < server_now are handed on. A file that is missing or
/// wrong in the archive is taken from REST. What was handed on before an error is whole up to its last
/// candle. Errors: those of fetch_candles and of `sink`.
Result<HistoryReport> fetch_history(const HistorySources& sources, const HistoryRange& range,
                                    UnixMillis server_now, const OnCandles& sink);

/// First and last open time that REST has in [from, to]; nothing when it has none. Two requests.
Result<std::optional<HistoryRange>> bounds_of(BinanceRest& rest, const HistoryRange& range);

}  // namespace mop::exchange
