#include "mop/features/bollinger.h"

#include <cmath>

#include <fmt/format.h>

#include "mop/features/period.h"

namespace mop::features {

Result<Bollinger> Bollinger::make(std::size_t period, double deviations) {
  MOP_TRY(check_period("Bollinger period", period, 2));
  if (!(deviations > 0.0 && std::isfinite(deviations))) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("Bollinger band distance must be above 0 standard deviations, was {}", deviations));
  }
  return Bollinger(period, deviations);
}

std::optional<BollingerValue> Bollinger::push(double close) {
  closes_.push(close);
  if (!closes_.full()) return std::nullopt;
  const double n = static_cast<double>(closes_.size());
  double sum = 0.0, sum_of_squares = 0.0;
  closes_.for_each([&](double value) { sum += value - close; });
  const double offset = sum / n;  // of the middle from the close
  closes_.for_each([&](double value) {
    const double deviation = (value - close) - offset;
    sum_of_squares += deviation * deviation;
  });
  const double reach = deviations_ * std::sqrt(sum_of_squares / n);
  const double middle = close + offset;
  const double percent_b = reach == 0.0 ? 0.5 : 0.5 - offset / (2.0 * reach);
  return BollingerValue{middle + reach, middle, middle - reach, 2.0 * reach, percent_b};
}

}  // namespace mop::features
