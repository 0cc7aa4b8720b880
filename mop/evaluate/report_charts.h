// The charts of the HTML report, each an SVG of 360 pixels' width: readable one to one on a phone.
#pragma once
#include <span>
#include <string>

#include "mop/evaluate/report_data.h"

namespace mop::evaluate {

inline constexpr double kChartWidth = 360, kChartHeight = 226;  // pixels

enum class Reference { kStatic, kEwma, kHar };

/// One bar per coin: percent by which its loss is smaller than the reference's. `series`: of one timeframe
/// and kind.
std::string skill_chart(std::span<const SeriesScores> series, Reference reference);

/// Stated quantile level against the observed share of outcomes below it; the diagonal is perfect.
std::string calibration_chart(const SeriesScores& scores);

/// Where outcomes fell in their forecast distribution; flat is perfect.
std::string pit_chart(const SeriesScores& scores);

/// Coverage of the 90 % interval in the calmest to the wildest tenth of candles.
std::string decile_chart(const SeriesScores& scores);

/// Loss by hour of the day, UTC: forecast, EWMA, HAR.
std::string hour_chart(const SeriesScores& scores);

/// Skill against EWMA and HAR by step ahead.
std::string step_chart(const SeriesScores& scores);

/// Coverage of the 90 % interval by step ahead.
std::string step_coverage_chart(const SeriesScores& scores);

/// Skill against EWMA and HAR by weeks since the models last learnt.
std::string age_chart(const SeriesScores& scores);

/// Forecast fans (50 and 90 % bands, median) over the closes that came.
std::string fan_chart(const FanSample& sample);

}  // namespace mop::evaluate
