#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "mop/base/time.h"

namespace mop::dataset {

/// For each 15m close the row of the newest hour that had closed by then (close times; equality counts: both
/// candles end at the same instant). -1 when there is none or it closed a full hour ago or earlier (a hole).
std::vector<std::int32_t> asof_hour(std::span<const UnixMillis> close_15m,
                                    std::span<const UnixMillis> close_1h);

}  // namespace mop::dataset
