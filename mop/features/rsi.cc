#include "mop/features/rsi.h"

#include <algorithm>
#include <utility>

#include "mop/features/period.h"

namespace mop::features {

Result<Rsi> Rsi::make(std::size_t period, double flat_value) {
  MOP_TRY(check_period("RSI period", period, 2));
  return Rsi(period, flat_value);
}

std::optional<double> Rsi::push(double close) {
  const std::optional<double> last = std::exchange(last_close_, close);
  if (!last) return std::nullopt;
  const double change = close - *last;
  const std::optional<double> gain = gain_.push(std::max(change, 0.0));
  const std::optional<double> loss = loss_.push(std::max(-change, 0.0));
  if (!gain) return std::nullopt;
  const double total = *gain + *loss;
  return total == 0.0 ? flat_value_ : 100.0 * (*gain / total);
}

}  // namespace mop::features
