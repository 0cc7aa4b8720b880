#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "mop/base/result.h"
#include "mop/evaluate/scores.h"

namespace mop::evaluate {

struct PoolOptions {
  std::size_t draws = 2000;  // bootstrap draws, >= 100
  std::uint64_t seed = 1;
};

/// Scores over all candles of several series of one interval, each candle with the same weight.
///
/// Coins move together, so intervals come from a bootstrap over whole UTC days of the common time axis (all
/// coins of a drawn day together; percentile interval; unknown with fewer than 10 days), and Diebold-Mariano
/// runs on the loss difference averaged over the coins at each instant. `kind` and `champion` are those of
/// the series when all agree, else "mixed". rmse is unknown for more than one coin: prices have no common
/// unit. Errors: kInvalidArgument when there is no series or intervals, horizons or levels differ.
Result<SeriesScores> pool(std::span<const ScoredSeries> series, const PoolOptions& options);

}  // namespace mop::evaluate
