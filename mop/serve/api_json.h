// What the service knows as JSON: the schemas of api/openapi.yaml.
#pragma once
#include <cstdint>
#include <string_view>

#include "mop/serve/board.h"

namespace boost::json {
class value;
}

namespace mop::serve {

/// Schema Health.
boost::json::value health_json(const Board& board);
/// Schema Series.
boost::json::value series_json(const BoardSeries& series);
/// Schema Forecast: quantiles in prices, close * exp(z * sigma * sqrt(step)) as `mop predict` computes them.
/// The board tells about its model.
boost::json::value forecast_json(std::int64_t seq, const ForecastRow& row, const Board& board);
/// Schema Score: of a step of this forecast.
boost::json::value score_json(const ForecastRow& row, const StepScore& score);
/// One of schema Models.
boost::json::value model_json(const BoardModel& model, UnixMillis exchange_now);

/// The events a client of /api/v1/events gets for these.
ServiceEvent forecast_event(std::int64_t seq, const ForecastRow& row, const Board& board);
ServiceEvent score_event(const ForecastRow& row, const StepScore& score);
ServiceEvent health_event(const Board& board);

}  // namespace mop::serve
