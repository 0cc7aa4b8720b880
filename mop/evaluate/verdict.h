// Scores in plain words.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "mop/evaluate/scores.h"

namespace mop::evaluate {

/// A difference counts as real when its Diebold-Mariano p is below this.
inline constexpr double kSignificance = 0.05;

enum class Standing { kBeatsBoth, kBeatsEwmaOnly, kBeatsHarOnly, kBeatsNone, kUnscored };

/// Beating takes a positive skill and a Diebold-Mariano p below kSignificance.
Standing standing_of(const SeriesScores& scores);

/// "beats EWMA by 1.9 % (DM p 0.003) and HAR by 0.5 % (DM p 0.02)" or "does not beat HAR (...); use HAR".
std::string verdict(const SeriesScores& scores);

/// One sentence on all series: "7 of 10 series beat both EWMA and HAR, ...".
std::string overall_verdict(std::span<const SeriesScores> series);

/// Figures too good to be true (docs: science, section 7); empty when there are none.
std::vector<std::string> leak_suspicions(const SeriesScores& scores);

}  // namespace mop::evaluate
