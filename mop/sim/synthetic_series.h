// One coin of the synthetic market on the 15-minute grid.
#pragma once
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "mop/base/rng.h"
#include "mop/base/time.h"
#include "mop/sim/coin_profile.h"
#include "mop/sim/synthetic_market.h"
#include "mop/sim/units.h"
#include "mop/sim/volatility.h"

namespace mop::sim {

/// Returns of the whole market, shared by all coins of the realistic kind. Thread-safe; grows as needed.
class MarketFactor {
 public:
  MarketFactor(std::uint64_t seed, UnixMillis start);
  /// Log return of 15m candle `index` (0 = the one that opens at the start), root mean square 1 per candle.
  double value(std::size_t index);

 private:
  std::mutex mutex_;
  Rng rng_;
  UnixMillis start_;
  VolatilityProcess volatility_;
  std::vector<float> values_;
};

/// Closes are drawn one after the other and kept; the rest of a bar is a function of (seed, symbol, index)
/// and is made when asked for. Thread-safe.
class SyntheticSeries {
 public:
  /// `factor` must outlive this and is read by the realistic kind only.
  SyntheticSeries(const SyntheticOptions& options, std::string_view symbol, double tick_size,
                  UnixMillis start, MarketFactor& factor);

  UnixMillis start() const { return start_; }
  int quantity_decimals() const { return profile_.quantity_decimals; }

  /// The whole bar `index`, or what it shows after `minutes` of its 15 (0..15).
  Bar bar(std::size_t index, int minutes = 15);

 private:
  struct Point {
    std::int64_t open, close;  // units
    double sigma;              // of the log return
  };
  Point point(std::size_t index);
  void draw_next();
  double next_log_price();
  Bar whole_bar(const Point& point, std::size_t index, const PhiloxBlock& dice) const;
  void add_volume(Bar& bar, const Point& point, std::size_t index, const PhiloxBlock& dice) const;
  std::int64_t to_units(double price) const;  // nearest tick, at least one

  const SyntheticOptions options_;
  const CoinProfile profile_;
  const UnixMillis start_;
  const std::int64_t tick_units_;
  const std::uint64_t key_;  // of this coin's dice
  const double candle_sigma_;
  MarketFactor& factor_;

  std::mutex mutex_;  // guards what follows
  Rng rng_;
  VolatilityProcess volatility_;
  double log_price_, last_return_ = 0.0, last_sigma_ = 0.0;
  std::vector<std::int64_t> closes_;
  std::vector<float> sigmas_;
};

}  // namespace mop::sim
