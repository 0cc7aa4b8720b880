#include "mop/dataset/asof_join.h"

namespace mop::dataset {

std::vector<std::int32_t> asof_hour(std::span<const UnixMillis> close_15m,
                                    std::span<const UnixMillis> close_1h) {
  std::vector<std::int32_t> hour(close_15m.size(), -1);
  std::size_t next = 0;  // first hour that closes after the 15m candle
  for (std::size_t t = 0; t < close_15m.size(); ++t) {
    while (next < close_1h.size() && close_1h[next] <= close_15m[t])
      ++next;
    if (next > 0 && close_15m[t] - close_1h[next - 1] < kHour) hour[t] = static_cast<std::int32_t>(next - 1);
  }
  return hour;
}

}  // namespace mop::dataset
