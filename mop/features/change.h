#pragma once
#include <cstddef>
#include <optional>
#include <utility>

#include "mop/features/stability.h"

namespace mop::features {

/// Fractional change over one candle, of the close or of the volume (0.01 is one percent up).
///
///   change_t = x_t / x_{t-1} - 1
///
/// Source: pandas Series.pct_change. Differs in one case: after x_{t-1} = 0 (a candle without volume) it is
/// 0, not infinite.
class Change {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// Feeds one value, >= 0. Empty for the first one.
  std::optional<double> push(double value) {
    const std::optional<double> last = std::exchange(last_, value);
    if (!last) return std::nullopt;
    return *last == 0.0 ? 0.0 : value / *last - 1.0;
  }

  std::size_t warmup() const { return 2; }

 private:
  std::optional<double> last_;
};

}  // namespace mop::features
