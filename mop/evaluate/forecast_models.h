// Models and candles turned into what is scored: Outcomes and Forecasts.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "mop/base/result.h"
#include "mop/evaluate/baselines.h"
#include "mop/evaluate/forecasts.h"
#include "mop/train/forecaster.h"

namespace mop::evaluate {

/// What happened after rows of a series, as far as it is known before `limit`: a target that closes at or
/// after it is NaN, as if that candle did not exist yet.
Outcomes outcomes_of(const dataset::SeriesData& data, std::span<const std::size_t> rows, double tick_size,
                     UnixMillis limit);

/// The model's forecasts for the same rows. Nothing is fitted.
Forecasts forecasts_of(const train::Forecaster& forecaster, std::size_t head,
                       std::span<const std::size_t> rows, train::ForecastWorkspace& workspace);

/// The same from what the model's networks said already.
Forecasts forecasts_of(const train::Forecaster& forecaster, train::HeadForecasts made);

/// Forecasts as they are shown: the model's, calibrated, with what became of them.
struct LiveForecasts {
  std::vector<std::size_t> rows;  // of the head's series
  Outcomes outcomes;
  Forecasts forecasts;
};

/// What many forecasts may use, and whom to tell about them.
struct Effort {
  std::size_t threads = 1;
  std::function<void(std::size_t done, std::size_t total)> progress = {};  // rows; from any thread
};

/// The forecasts of candles that end in [first, last). The calibration starts as the model stored it and goes
/// on over every candle since, so a forecast is the same whatever `first` is. Nothing but outcomes that had
/// closed at a candle changes its forecast, and the threads change none.
LiveForecasts live_forecasts(const train::Forecaster& forecaster, std::size_t head, double tick_size,
                             UnixMillis first, UnixMillis last, const Effort& effort = {});

/// Rows of a head that can be forecast with first <= close_time + 1 ms < last: candles that end in [first,
/// last).
std::vector<std::size_t> forecast_rows(const train::Forecaster& forecaster, std::size_t head,
                                       UnixMillis first, UnixMillis last);

/// Fills each branch's calibration, validation figures and baselines. The model is held against EWMA and HAR,
/// all three fitted on the fit part alone and scored one step ahead on the validation block; the baselines
/// that stay in the model are fitted on all its candles. `series` and `markets` are what the model was
/// trained on. Errors: kInvalidArgument.
Result<void> score_validation(train::TrainedModel& model, std::span<const market::CandleSeries> series,
                              const dataset::Markets* markets, double tick_size);

/// Names each branch's champion: what did best on the validation block, of the model, EWMA and HAR. A coin
/// with fewer than kFewestForChampion forecasts there (it stopped trading before) takes what did best over
/// all coins it was learnt with. `models`: those of one kind that were learnt together, scored.
inline constexpr std::size_t kFewestForChampion = 200;
void name_champions(std::span<train::TrainedModel* const> models);

}  // namespace mop::evaluate
