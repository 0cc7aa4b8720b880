#pragma once
#include <array>
#include <optional>
#include <span>

#include "mop/features/market_context.h"
#include "mop/market/candle_series.h"

namespace mop::dataset {

/// What the market did, per timeframe: shared by all series of a training or a forecast.
class Markets {
 public:
  /// `coins` of one timeframe stand together; a timeframe without a coin has no context.
  explicit Markets(std::span<const market::CandleSeries> coins);

  /// Null when no coin of that timeframe was given.
  const features::MarketContext* of(market::Interval interval) const;

 private:
  std::array<std::optional<features::MarketContext>, market::kIntervals.size()> contexts_;
};

}  // namespace mop::dataset
