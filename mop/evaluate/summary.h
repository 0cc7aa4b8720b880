#pragma once
#include <span>

#include "mop/evaluate/scores.h"

namespace mop::evaluate {

/// Percent by which `loss` is smaller than `reference`; unknown when the reference is not above 0.
double skill_pct(double loss, double reference);

/// The figures of all candles of these series taken as one, each candle with the same weight, in the order
/// given. Leaves out what differs between a series and a pool: names, intervals, Diebold-Mariano, rank IC.
/// REQUIRES: at least one series; equal levels and horizons.
SeriesScores summarise(std::span<const ScoredSeries* const> series);

}  // namespace mop::evaluate
