#pragma once
#include <cstddef>
#include <optional>

#include "mop/features/stability.h"

namespace mop::features {

/// Volume Price Trend, in base currency.
///
///   vpt_t = vpt_{t-1} + V_t * (C_t / C_{t-1} - 1),   vpt_1 = 0
///
/// Source: StockCharts ChartSchool, Price Volume Trend. Its level says where the history began, so only its
/// differences mean anything.
class Vpt {
 public:
  static constexpr Stability kStability = Stability::kPathDependent;

  /// Feeds one finished candle (close > 0).
  double push(double close, double volume);

  std::size_t warmup() const { return 1; }

 private:
  double total_ = 0.0;
  std::optional<double> last_close_;
};

}  // namespace mop::features
