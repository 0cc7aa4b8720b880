#include "mop/features/period.h"

#include <fmt/format.h>

namespace mop::features {

Result<void> check_period(std::string_view what, std::size_t period, std::size_t least) {
  if (period >= least && period <= kMaxPeriod) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} must be {}..{} candles, was {}", what, least, kMaxPeriod, period));
}

}  // namespace mop::features
