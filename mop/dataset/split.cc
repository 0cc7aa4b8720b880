#include "mop/dataset/split.h"

#include <algorithm>

#include <fmt/format.h>

namespace mop::dataset {
namespace {

std::size_t count_windows(const SeriesData& data, std::size_t first, std::size_t last, std::size_t lookback) {
  std::size_t n = 0;
  for (std::size_t t = first; t < last; ++t)
    n += static_cast<std::size_t>(data.history[t] >= lookback);
  return n;
}

// The row that has `wanted` windows at or after it, within [first, last).
std::size_t row_with_windows_after(const SeriesData& data, std::size_t first, std::size_t last,
                                   std::size_t lookback, std::size_t wanted) {
  std::size_t t = last, n = 0;
  while (t > first && n < wanted)
    n += static_cast<std::size_t>(data.history[--t] >= lookback);
  return t;
}

}  // namespace

Result<FitSplit> split_for_fit(const SeriesData& data, double validation_share, std::size_t lookback) {
  const std::size_t end = data.rows();
  const std::size_t windows = count_windows(data, 0, end, lookback);
  const auto wanted =
      std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(windows) * validation_share));
  const std::size_t block = row_with_windows_after(data, 0, end, lookback, wanted);
  const std::size_t embargo = std::min(lookback, (end - block) / 2);  // a short history keeps half its block

  if (count_windows(data, 0, block, lookback) == 0 ||
      count_windows(data, block + embargo, end, lookback) == 0) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} {}: {} windows of {} candles up to {}, too few to fit and validate a model; "
                            "fetch more history or choose a later --until",
                            data.symbol, market::to_string(data.interval), windows, lookback,
                            data.close_time.empty() ? "now" : format_utc(data.close_time.back() + 1)));
  }
  return FitSplit{0, block, block + embargo, end, data.close_time[block]};
}

}  // namespace mop::dataset
