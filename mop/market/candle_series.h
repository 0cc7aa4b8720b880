#pragma once
#include <span>
#include <string>
#include <vector>

#include "mop/market/candle.h"

namespace mop::market {

/// Consecutive stored candles that are missing between two present ones.
struct Hole {
  UnixMillis from;      // open time of the first missing candle
  UnixMillis to;        // open time of the last missing candle
  std::size_t missing;  // candles
};

/// Finished candles of one symbol and interval as columns of doubles, ascending and unique. This is what
/// features, training and scoring read; the exact text stays in the store.
struct CandleSeries {
  std::string symbol;
  Interval interval = Interval::k1h;
  std::vector<UnixMillis> open_time;
  std::vector<double> open, high, low, close, volume;  // quote currency; volume in base currency
  /// Base currency bought by takers, NaN where a candle does not state it; empty when none does.
  std::vector<double> taker_buy_base = {};

  std::size_t size() const { return open_time.size(); }
  UnixMillis close_time(std::size_t i) const { return open_time[i] + length_of(interval) - 1; }

  void reserve(std::size_t n);
  /// REQUIRES: candle.open_time is after the last one.
  void push_back(const Candle& candle);

  /// Index of the first candle with open_time >= t (size() when there is none).
  std::size_t lower_bound(UnixMillis t) const;
  /// Candles [first, last) as a series of its own.
  CandleSeries slice(std::size_t first, std::size_t last) const;
  /// Candles with since <= close time < until: what somebody standing at `until` can know.
  CandleSeries closing_in(UnixMillis since, UnixMillis until) const;
};

/// One series out of two: `earlier`, and behind its last candle what `later` has, at factor 1 and under
/// `earlier`'s symbol. The hole between them stays a hole. For coins that were renamed (market::Symbol has
/// the successor). REQUIRES: equal intervals.
CandleSeries splice(const CandleSeries& earlier, const CandleSeries& later);

/// Stretches without candles between the first and the last candle, ascending.
std::vector<Hole> find_holes(std::span<const UnixMillis> open_time, Interval interval);

/// A run of candles without a hole: [first, last).
struct Run {
  std::size_t first, last;
  std::size_t size() const { return last - first; }
};
std::vector<Run> contiguous_runs(const CandleSeries& series);

}  // namespace mop::market
