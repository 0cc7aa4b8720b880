// What the verbs that list stored series share: which ones, in what order, and how they are written.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "mop/app/command.h"
#include "mop/store/candle_store.h"

namespace boost::json {
class array;
}

namespace mop::app {

/// The series that --symbols and --timeframes select; every one when they were not typed.
struct SeriesFilter {
  std::vector<std::string> symbols;  // empty: any
  std::vector<market::Interval> intervals;

  bool keeps(const store::SeriesKey& series) const;
};

/// Errors: kInvalidArgument, from the selectors.
Result<SeriesFilter> series_filter(const Context& ctx);

/// The stored candles of one series; with --splice-renamed those of its successor behind them. Errors: as
/// CandleStore::load.
Result<market::CandleSeries> load_candles(const Context& ctx, store::CandleStore& store,
                                          std::string_view symbol, market::Interval interval);

/// Place of a coin in the fleet's order, successors and unknown coins behind it.
std::size_t fleet_position(std::string_view symbol);

/// Whether a series still grows: `live`, `dead` (its coin no longer trades on Binance) or `stale` (its newest
/// candle closed more than 3 intervals ago).
enum class SeriesState : std::uint8_t { kLive, kStale, kDead };
std::string_view to_string(SeriesState state);
SeriesState state_of(const store::FileMetadata& file, UnixMillis now);

/// One warning that names the stored series which are dead or stale, among the selected ones; nothing when
/// all are live. `symbol`: of that coin alone. `until`: nothing behind it is used, so a series that reaches
/// it is live. What the metadata cannot tell is not mentioned.
void mention_quarantine(const Context& ctx, store::CandleStore& store, std::string_view symbol = {},
                        UnixMillis until = std::numeric_limits<UnixMillis>::max());

/// "2,072,358".
std::string with_commas(std::size_t n);

/// `[{"from","to","missing","kind"}]`.
boost::json::array gaps_json(std::span<const store::Gap> gaps);

/// `[{"from","to","source"}]`.
boost::json::array ranges_json(std::span<const store::SourceRange> ranges);

}  // namespace mop::app
