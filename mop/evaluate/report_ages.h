// How a model's skill changes with the time since it last learnt.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "mop/evaluate/scores.h"
#include "mop/evaluate/statistics.h"

namespace mop::evaluate {

/// Weeks taken together, `weeks` at a time; means over all their forecasts.
std::vector<AgeScores> merged_ages(const std::vector<AgeScores>& ages, std::size_t weeks);

/// Points of skill against HAR won (lost where negative) in four weeks: slope over the weekly skills, each
/// with the weight of its forecasts. NaN with fewer than 3 weeks.
Slope skill_trend(const std::vector<AgeScores>& ages);

/// The same in one sentence, with the first and the last four weeks.
std::string age_sentence(const SeriesScores& scores);

}  // namespace mop::evaluate
