#include "mop/dataset/live_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mop/base/check.h"

namespace mop::dataset {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <typename T>
void drop_front(std::vector<T>& values, std::size_t count) {
  values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

Result<LiveRows> LiveRows::make(std::string symbol, market::Interval interval,
                                std::span<const std::string> inputs, std::size_t horizon,
                                features::InputSources sources) {
  MOP_TRY_ASSIGN(features::InputColumns columns, features::columns_of(inputs, interval, sources));
  auto data = std::make_shared<SeriesData>();
  data->symbol = std::move(symbol);
  data->interval = interval;
  data->horizon = horizon;
  data->input_names.assign(inputs.begin(), inputs.end());
  return LiveRows(std::move(data), std::move(columns));
}

void LiveRows::push(const features::CandleValues& candle, const features::ModelInputRow& inputs,
                    double sigma) {
  SeriesData& d = *data_;
  const bool follows =
      d.rows() > 0 && candle.close_time == d.close_time.back() + market::length_of(d.interval);
  MOP_CHECK(d.rows() == 0 || candle.close_time > d.close_time.back()) << candle.close_time;
  run_ = follows ? run_ + 1 : 1;
  d.close_time.push_back(candle.close_time);
  d.close.push_back(candle.close);
  const bool usable = run_ >= columns_.warmup;
  d.history.push_back(usable ? static_cast<std::uint32_t>(run_ - columns_.warmup + 1) : 0);
  d.sigma.push_back(usable ? sigma : kNaN);
  for (const std::size_t column : columns_.columns)
    d.x.push_back(usable ? static_cast<float>(inputs[column]) : 0.0f);
  d.y.insert(d.y.end(), d.horizon, kNaN);
  d.next_log_range.push_back(kNaN);
  fill_targets(candle);
}

void LiveRows::fill_targets(const features::CandleValues& candle) {
  SeriesData& d = *data_;
  const std::size_t last = d.rows() - 1;
  const std::size_t known = std::min({d.horizon, run_ - 1, last});
  for (std::size_t h = 1; h <= known; ++h)
    d.y[(last - h) * d.horizon + h - 1] = std::log(candle.close / d.close[last - h]);
  if (known >= 1) d.next_log_range[last - 1] = std::log(candle.high / candle.low);
}

void LiveRows::clear() {
  keep_newest(0);
  run_ = 0;
}

void LiveRows::keep_newest(std::size_t rows) {
  SeriesData& d = *data_;
  if (d.rows() <= rows) return;
  const std::size_t dropped = d.rows() - rows;
  drop_front(d.close_time, dropped);
  drop_front(d.close, dropped);
  drop_front(d.x, dropped * d.inputs());
  drop_front(d.history, dropped);
  drop_front(d.sigma, dropped);
  drop_front(d.y, dropped * d.horizon);
  drop_front(d.next_log_range, dropped);
  for (std::size_t t = 0; t < d.rows(); ++t)
    d.history[t] = std::min(d.history[t], static_cast<std::uint32_t>(t + 1));
}

}  // namespace mop::dataset
