#include "mop/features/cmf.h"

#include "mop/features/period.h"

namespace mop::features {

Result<Cmf> Cmf::make(std::size_t period) {
  MOP_TRY(check_period("CMF period", period, 1));
  return Cmf(period);
}

std::optional<double> Cmf::push(double high, double low, double close, double volume) {
  const double range = high - low;
  flow_.push(range == 0.0 ? 0.0 : volume * (((close - low) - (high - close)) / range));
  volume_.push(volume);
  if (!flow_.full()) return std::nullopt;
  double flow = 0.0, total = 0.0;
  flow_.for_each([&](double value) { flow += value; });
  volume_.for_each([&](double value) { total += value; });
  return total == 0.0 ? 0.0 : flow / total;
}

}  // namespace mop::features
