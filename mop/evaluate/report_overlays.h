// Charts of the HTML report that lay the series of one coin over each other: blue 15m, orange 1h, dashed
// where the unified model made the forecast.
#pragma once
#include <span>
#include <string>

#include "mop/evaluate/report_data.h"

namespace mop::evaluate {

/// What the lines mean, as HTML.
std::string overlay_legend(std::span<const SeriesScores> series);

/// Observed minus stated share below each quantile, in percentage points; 0 is perfect.
std::string calibration_overlay(std::span<const SeriesScores> series);

/// Where outcomes fell in their forecast distribution, ten bins; 1 everywhere is perfect.
std::string pit_overlay(std::span<const SeriesScores> series);

/// Coverage of the 90 % interval in the calmest to the wildest tenth of candles.
std::string decile_overlay(std::span<const SeriesScores> series);

/// Coverage of the 90 % interval by step ahead.
std::string step_coverage_overlay(std::span<const SeriesScores> series);

/// Skill against HAR by step ahead, percent.
std::string step_overlay(std::span<const SeriesScores> series);

/// Mean pinball loss by hour of the day, UTC.
std::string hour_overlay(std::span<const SeriesScores> series);

/// Skill against HAR by weeks since the model last learnt, four weeks a point.
std::string age_overlay(std::span<const SeriesScores> series);

}  // namespace mop::evaluate
