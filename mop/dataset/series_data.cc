#include "mop/dataset/series_data.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace mop::dataset {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void copy_inputs(const features::InputMatrix& from, std::size_t first, SeriesData& to) {
  const std::size_t F = from.names.size();
  for (std::size_t i = from.first_valid; i < from.rows; ++i) {
    const std::size_t t = first + i;
    std::copy_n(from.values.begin() + static_cast<std::ptrdiff_t>(i * F), F,
                to.x.begin() + static_cast<std::ptrdiff_t>(t * F));
    to.sigma[t] = from.sigma[i];
    to.history[t] = static_cast<std::uint32_t>(i - from.first_valid + 1);
  }
}

// Targets look forward only inside the same run: nothing is forecast across a hole.
void fill_targets(const market::CandleSeries& series, market::Run run, SeriesData& data) {
  const std::size_t H = data.horizon;
  for (std::size_t t = run.first; t < run.last; ++t) {
    for (std::size_t h = 1; h <= H && t + h < run.last; ++h) {
      data.y[t * H + h - 1] = std::log(series.close[t + h] / series.close[t]);
    }
    if (t + 1 < run.last) data.next_log_range[t] = std::log(series.high[t + 1] / series.low[t + 1]);
  }
}

SeriesData sized_for(const market::CandleSeries& series, std::size_t horizon) {
  SeriesData data;
  data.symbol = series.symbol;
  data.interval = series.interval;
  data.horizon = horizon;
  const std::size_t n = series.size();
  data.close_time.resize(n);
  for (std::size_t t = 0; t < n; ++t)
    data.close_time[t] = series.close_time(t);
  data.close = series.close;
  data.history.assign(n, 0);
  data.sigma.assign(n, kNaN);
  data.y.assign(n * horizon, kNaN);
  data.next_log_range.assign(n, kNaN);
  return data;
}

std::size_t longest_run(const market::CandleSeries& series) {
  std::size_t longest = 0;
  for (const market::Run run : market::contiguous_runs(series))
    longest = std::max(longest, run.size());
  return longest;
}

}  // namespace

double SeriesData::z(std::size_t t, std::size_t h) const {
  return y[t * horizon + h - 1] / (sigma[t] * std::sqrt(static_cast<double>(h)));
}

std::size_t SeriesData::first_at_or_after(UnixMillis t) const {
  return static_cast<std::size_t>(std::lower_bound(close_time.begin(), close_time.end(), t) -
                                  close_time.begin());
}

std::vector<std::size_t> SeriesData::rows_with_history(std::size_t candles, UnixMillis limit) const {
  std::vector<std::size_t> rows;
  for (std::size_t t = 0; t < this->rows() && close_time[t] < limit; ++t)
    if (history[t] >= candles) rows.push_back(t);
  return rows;
}

Result<SeriesData> build_series_data(const market::CandleSeries& series, std::span<const std::string> inputs,
                                     std::size_t horizon, const features::MarketContext* market) {
  SeriesData data = sized_for(series, horizon);
  for (const market::Run run : market::contiguous_runs(series)) {
    MOP_TRY_ASSIGN(const features::InputMatrix matrix,
                   features::compute_model_inputs(series.slice(run.first, run.last), inputs, market));
    if (data.input_names.empty()) {
      data.input_names = matrix.names;
      data.x.assign(data.rows() * data.inputs(), 0.0f);
    }
    copy_inputs(matrix, run.first, data);
    fill_targets(series, run, data);
  }
  if (std::all_of(data.history.begin(), data.history.end(), [](std::uint32_t h) { return h == 0; })) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{} {}: the longest run without a hole has {} candles, too few for one row of model "
                    "inputs; fetch more history (`mop fetch --symbols {} --limit 2000`)",
                    series.symbol, market::to_string(series.interval), longest_run(series), series.symbol));
  }
  return data;
}

features::Selection select_inputs_for(const market::CandleSeries& series,
                                      const features::MarketContext* market) {
  return features::select_inputs(longest_run(series), series.interval, features::sources_of(series, market));
}

}  // namespace mop::dataset
