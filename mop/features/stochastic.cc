#include "mop/features/stochastic.h"

#include <algorithm>

#include "mop/features/period.h"

namespace mop::features {
namespace {

double mean_of(const Window& window) {
  double sum = 0.0;
  window.for_each([&](double value) { sum += value; });
  return sum / static_cast<double>(window.size());
}

}  // namespace

Result<Stochastic> Stochastic::make(std::size_t period, std::size_t smooth, std::size_t d_period,
                                    double flat_value) {
  MOP_TRY(check_period("stochastic period", period, 1));
  MOP_TRY(check_period("stochastic %K smoothing", smooth, 1));
  MOP_TRY(check_period("stochastic %D period", d_period, 1));
  return Stochastic(period, smooth, d_period, flat_value);
}

std::optional<StochasticValue> Stochastic::push(double high, double low, double close) {
  high_.push(high);
  low_.push(low);
  if (!high_.full()) return std::nullopt;
  double highest = high, lowest = low;
  high_.for_each([&](double value) { highest = std::max(highest, value); });
  low_.for_each([&](double value) { lowest = std::min(lowest, value); });
  const double range = highest - lowest;

  fast_.push(range == 0.0 ? flat_value_ : 100.0 * ((close - lowest) / range));
  if (!fast_.full()) return std::nullopt;
  const double k = mean_of(fast_);
  slow_.push(k);
  if (!slow_.full()) return std::nullopt;
  return StochasticValue{k, mean_of(slow_)};
}

}  // namespace mop::features
