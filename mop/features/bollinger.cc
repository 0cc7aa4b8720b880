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

}  // namespace mop::features
