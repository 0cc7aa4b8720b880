#pragma once
#include <cstddef>
#include <optional>

#include "mop/features/stability.h"

namespace mop::features {

/// On-Balance Volume, in base currency.
///
///   obv_t = obv_{t-1} + V_t if C_t > C_{t-1}, - V_t if C_t < C_{t-1}, unchanged if equal;   obv_1 = V_1
///
/// Source: Granville, New Key to Stock Market Profits (1963); TA-Lib OBV. Its level says where the history
/// began, so only its differences mean anything.
class Obv {
 public:
  static constexpr Stability kStability = Stability::kPathDependent;

  /// Feeds one finished candle.
  double push(double close, double volume);

  std::size_t warmup() const { return 1; }

 private:
  double total_ = 0.0;
  std::optional<double> last_close_;
};

}  // namespace mop::features
