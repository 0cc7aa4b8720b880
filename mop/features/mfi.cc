#include "mop/features/mfi.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mop/features/period.h"

namespace mop::features {

Result<Mfi> Mfi::make(std::size_t period, MfiRules rules) {
  MOP_TRY(check_period("MFI period", period, 2));
  return Mfi(period, rules);
}

std::optional<double> Mfi::push(double high, double low, double close, double volume) {
  const double price = (high + low + close) / 3.0;
  const std::optional<double> last = std::exchange(last_price_, price);
  if (!last) return std::nullopt;
  const double change = price - *last;
  const double flow = price * volume;
  const bool tied = std::abs(change) <= rules_.tie * price;
  flow_.push(tied ? 0.0 : std::copysign(flow, change));
  if (!flow_.full()) return std::nullopt;

  double rises = 0.0, falls = 0.0;
  flow_.for_each([&](double value) {
    rises += std::max(value, 0.0);
    falls += std::max(-value, 0.0);
  });
  const double total = rises + falls;
  return total == 0.0 ? rules_.flat_value : 100.0 * (rises / total);
}

}  // namespace mop::features
