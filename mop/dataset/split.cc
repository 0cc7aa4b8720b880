#include "mop/dataset/split.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace mop::dataset {
namespace {

bool has_windows(const SeriesData& data, std::size_t first, std::size_t last, std::size_t lookback) {
  return std::any_of(data.history.begin() + static_cast<std::ptrdiff_t>(first),
                     data.history.begin() + static_cast<std::ptrdiff_t>(last),
                     [&](std::uint32_t history) { return history >= lookback; });
}

}  // namespace

Result<UnixMillis> validation_opens(std::span<const SeriesData* const> series, double validation_share,
                                    std::size_t lookback) {
  std::vector<UnixMillis> windows;
  for (const SeriesData* data : series) {
    for (std::size_t t = 0; t < data->rows(); ++t) {
      if (data->history[t] >= lookback) windows.push_back(data->close_time[t]);
    }
  }
  if (!windows.empty()) {
    const auto wanted = std::max<std::size_t>(
        1, static_cast<std::size_t>(static_cast<double>(windows.size()) * validation_share));
    const auto nth = windows.end() - static_cast<std::ptrdiff_t>(wanted);
    std::nth_element(windows.begin(), nth, windows.end());
    const UnixMillis opens = *nth;
    bool fit = false, validation = false;
    for (const SeriesData* data : series) {
      const FitSplit split = split_at(*data, opens, lookback);
      fit = fit || has_windows(*data, split.fit_begin, split.fit_end, lookback);
      validation = validation || has_windows(*data, split.validation_begin, split.validation_end, lookback);
    }
    if (fit && validation) return opens;
  }
  const SeriesData& first = *series.front();
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} {}: {} windows of {} candles up to {}, too few to fit and validate a model; "
                          "fetch more history or choose a later --until",
                          first.symbol, market::to_string(first.interval), windows.size(), lookback,
                          first.close_time.empty() ? "now" : format_utc(first.close_time.back() + 1)));
}

FitSplit split_at(const SeriesData& data, UnixMillis opens, std::size_t lookback) {
  const std::size_t end = data.rows(), block = data.first_at_or_after(opens);
  const std::size_t embargo = std::min(lookback, (end - block) / 2);  // a short history keeps half its block
  return FitSplit{0, block, block + embargo, end, opens};
}

}  // namespace mop::dataset
