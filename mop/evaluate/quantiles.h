// Quantile forecasts as distributions: loss, distribution function, probability of a rise.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace mop::evaluate {

/// Empirical quantile, Hyndman and Fan's type 7 (the default of R and NumPy): linear interpolation between
/// the order statistics at position (n - 1) * level. `sorted` ascends and is not empty; `level` is in 0..1.
double quantile_sorted(std::span<const double> sorted, double level);

/// Type 7 quantiles of unsorted values, which are sorted in place. REQUIRES: values is not empty.
std::vector<double> quantiles_of(std::vector<double>& values, std::span<const double> levels);

/// Pinball loss of one quantile: level * (z - q) when z >= q, else (1 - level) * (q - z).
double pinball_loss(double level, double quantile, double z);

/// Mean pinball loss over all levels: half the CRPS as the levels get dense.
double mean_pinball_loss(std::span<const double> levels, std::span<const double> quantiles, double z);

/// Distribution function at x of the forecast whose quantiles at `levels` are given: straight lines between
/// the quantiles; beyond the outermost ones exponential tails that hold the remaining probability and join
/// with the density of the outermost segment. Where quantiles coincide at x the function jumps, and the
/// middle of the jump is returned. REQUIRES: at least 2 levels, both ascending. Result in 0..1.
double cdf_at(std::span<const double> levels, std::span<const double> quantiles, double x);

/// P(up) = 1 - cdf_at(0). The same rule for models and baselines. In 0..1.
double p_up_from_quantiles(std::span<const double> levels, std::span<const double> quantiles);

/// Index of `level` among `levels` (equal within 1e-9).
std::optional<std::size_t> level_index(std::span<const double> levels, double level);

}  // namespace mop::evaluate
