// Candles that are missing between two stored ones, and why.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"
#include "mop/market/candle_series.h"
#include "mop/market/interval.h"

namespace mop::store {

enum class GapKind : std::uint8_t {
  kOutage,      // Binance was down (known_outages): no source has these candles
  kNoTrades,    // the exchange was asked and has no such candles (CandleStore::mark_no_trades)
  kNotFetched,  // nobody asked yet, or the source did not have them: a fetch may fill it
};

/// "outage", "no_trades", "not_fetched".
std::string_view to_string(GapKind kind);
/// Errors: kInvalidArgument.
Result<GapKind> parse_gap_kind(std::string_view text);

/// Missing candles next to each other that are missing for the same reason.
struct Gap {
  UnixMillis from;      // open time of the first missing candle
  UnixMillis to;        // open time of the last missing candle (inclusive)
  std::size_t missing;  // candles: (to - from) / interval + 1
  GapKind kind;

  friend bool operator==(const Gap&, const Gap&) = default;
};

/// A time during which Binance spot produced no candles at all: [from, to).
struct Outage {
  UnixMillis from, to;
};

/// Outages of Binance spot in which candles are absent, ascending. Windows that begin or end inside a candle
/// leave that candle standing.
std::span<const Outage> known_outages();

/// Names the reason of every missing candle of `holes`: an outage when the whole candle lies in a known one,
/// no_trades when it lies in a gap of `before` that was marked so, else not_fetched. A hole with several
/// reasons becomes several gaps. Ascending; the sum of `missing` stays.
std::vector<Gap> classify(std::span<const market::Hole> holes, market::Interval interval,
                          std::span<const Gap> before);

}  // namespace mop::store
