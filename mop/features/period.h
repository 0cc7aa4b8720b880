#pragma once
#include <cstddef>
#include <string_view>

#include "mop/base/result.h"

namespace mop::features {

inline constexpr std::size_t kMaxPeriod = 1000;  // candles

/// Errors: kInvalidArgument unless `period` is within least..kMaxPeriod, naming `what` ("RSI period").
Result<void> check_period(std::string_view what, std::size_t period, std::size_t least);

}  // namespace mop::features
