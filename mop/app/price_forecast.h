// One forecast in prices, the same arithmetic wherever it is shown or written down.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "mop/dataset/series_data.h"
#include "mop/evaluate/forecasts.h"

namespace boost::json {
class value;
}

namespace mop::app {

struct StepForecast {
  std::size_t step = 0;           // candles ahead, from 1
  UnixMillis close_time = 0;      // of the candle that is forecast
  std::vector<double> quantiles;  // prices, one per level, ascending
  double median = 0.0;
  double p_up = 0.0;
};

/// Forecast `index` of `forecasts`, made at row `row`, as prices: C[t] * exp(z * sigma_t * sqrt(h)).
std::vector<StepForecast> price_steps(const dataset::SeriesData& data, std::size_t row,
                                      const evaluate::Forecasts& forecasts, std::size_t index);

/// {"step","close_time","median","quantiles":{"0.025",...},"p_up"}.
boost::json::value step_json(const StepForecast& step, std::span<const double> levels);

}  // namespace mop::app
