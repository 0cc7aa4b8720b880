#include "mop/app/price_forecast.h"

#include <cmath>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/evaluate/quantiles.h"

namespace mop::app {

std::vector<StepForecast> price_steps(const dataset::SeriesData& data, std::size_t row,
                                      const evaluate::Forecasts& forecasts, std::size_t index) {
  const std::size_t median = evaluate::level_index(forecasts.levels, 0.5).value();
  std::vector<StepForecast> steps;
  for (std::size_t h = 1; h <= forecasts.horizon; ++h) {
    StepForecast s;
    s.step = h;
    s.close_time = data.close_time[row] + static_cast<DurationMillis>(h) * market::length_of(data.interval);
    const double unit = data.sigma[row] * std::sqrt(static_cast<double>(h));
    for (const double z : forecasts.quantiles(index, h - 1)) {
      s.quantiles.push_back(data.close[row] * std::exp(z * unit));
    }
    s.median = s.quantiles[median];
    s.p_up = forecasts.p_up[index * forecasts.horizon + h - 1];
    steps.push_back(std::move(s));
  }
  return steps;
}

boost::json::value step_json(const StepForecast& step, std::span<const double> levels) {
  boost::json::object quantiles;
  for (std::size_t k = 0; k < levels.size(); ++k)
    quantiles[fmt::format("{}", levels[k])] = step.quantiles[k];
  return {{"step", step.step},
          {"close_time", step.close_time},
          {"median", step.median},
          {"quantiles", std::move(quantiles)},
          {"p_up", step.p_up}};
}

}  // namespace mop::app
