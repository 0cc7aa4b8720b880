#include "mop/features/atr.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mop/features/period.h"

namespace mop::features {

double true_range(double high, double low, double last_close) {
  return std::max({high - low, std::abs(high - last_close), std::abs(low - last_close)});
}

Result<Atr> Atr::make(std::size_t period) {
  MOP_TRY(check_period("ATR period", period, 2));
  return Atr(period);
}

std::optional<AtrValue> Atr::push(double high, double low, double close) {
  const std::optional<double> last = std::exchange(last_close_, close);
  if (!last) return std::nullopt;
  const std::optional<double> atr = range_.push(true_range(high, low, *last));
  if (!atr) return std::nullopt;
  return AtrValue{*atr, 100.0 * (*atr / close)};
}

}  // namespace mop::features
