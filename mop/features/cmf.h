#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
#include "mop/features/window.h"

namespace mop::features {

/// Chaikin Money Flow, a fraction (-1..1): volume weighted by where in its range each candle closed.
///
///   cmf_t = sum(V * ((C - L) - (H - C)) / (H - L)) / sum(V) over n candles
///
/// Source: Chaikin's money flow (StockCharts ChartSchool, Chaikin Money Flow). A candle with H = L adds no
/// flow; a window without volume gives 0.
class Cmf {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Cmf> make(std::size_t period);

  /// Feeds one finished candle. Empty until `warmup()` candles were seen.
  std::optional<double> push(double high, double low, double close, double volume);

  std::size_t warmup() const { return flow_.size(); }

 private:
  explicit Cmf(std::size_t period) : flow_(period), volume_(period) {}
  Window flow_, volume_;
};

}  // namespace mop::features
