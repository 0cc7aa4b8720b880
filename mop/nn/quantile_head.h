// From the raw outputs of a network to quantiles that cannot cross, and the loss that trains them.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "mop/base/result.h"

namespace mop::nn {

/// Per forecast step the network gives K + 1 raw outputs for K quantile levels:
///   [location, log_scale, d_1 .. d_{K-1}]
/// They bend the base quantiles b_1 < ... < b_K of that step (the training quantiles of the target), m being
/// the median's index:
///   gap_k   = (b_{k+1} - b_k) * exp(clamp(d_k)) * exp(clamp(log_scale)),  clamp(x) = 4 tanh(x / 4)
///   q_m     = b_m + location
///   q_{m+j} = q_m + gap_m + ... + gap_{m+j-1},   q_{m-j} = q_m - gap_{m-1} - ... - gap_{m-j}
/// Gaps are positive, so quantiles never cross; raw outputs of zero give the base quantiles.
struct QuantileHead {
  std::vector<double> levels;  // K <= 99, strictly ascending in (0, 1), 0.5 among them
  std::size_t horizon;         // forecast steps, >= 1
  std::vector<double> base;    // (horizon, K), strictly ascending per step, in units of the target

  std::size_t median_index() const;
  /// kInvalidArgument naming the rule that is broken.
  Result<void> validate() const;
};

/// Raw outputs per scored position: horizon * (K + 1).
std::size_t raw_size(const QuantileHead& head);

/// One row: raw (horizon, K + 1) -> q (horizon, K). REQUIRES: head.validate() succeeds, sizes match.
void quantiles(const QuantileHead& head, std::span<const float> raw, std::span<double> q);

/// Loss of one row and its gradient: weight times the mean, over the levels and over the steps that have a
/// target, of the pinball loss (z - q) * (level - [z < q]). `z` is (horizon), NaN where there is no target;
/// without any target the loss is 0. `draw` (horizon, K + 1) is overwritten with the gradient.
/// REQUIRES: head.validate() succeeds, sizes match.
double pinball_loss_and_grad(const QuantileHead& head, std::span<const float> raw, std::span<const double> z,
                             double weight, std::span<float> draw);

}  // namespace mop::nn
