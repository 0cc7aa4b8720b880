// The statistics scores are made of. Plain functions of numbers; sums run in the given order in double.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace mop::evaluate {

/// An interval; NaN, NaN when it could not be computed.
struct Bounds {
  double lo, hi;
};

/// NaN when empty.
double mean_of(std::span<const double> values);

/// Wilson's score interval for a share of `hits` in `n`, 95 %. Source: Wilson, JASA 22 (1927).
/// NaN, NaN when n is 0.
Bounds wilson_interval95(double hits, double n);

/// Long-run variance of a series by Newey and West (Econometrica 55, 1987): Bartlett weights
/// 1 - k / (lag + 1) up to `lag`, moments about the mean divided by n.
double newey_west_variance(std::span<const double> series, std::size_t lag);

/// Two-sided p of the hypothesis that the loss differences have mean 0 (Diebold and Mariano, JBES 13, 1995):
/// mean / sqrt(newey_west_variance / n) against the standard normal, without small-sample correction.
/// `differences` are in order of time. NaN with fewer than 2 * (lag + 1) of them or when they do not vary.
double diebold_mariano_p(std::span<const double> differences, std::size_t lag);

/// Area under the ROC curve: the chance that a positive has a higher score than a negative, ties count half.
/// NaN when one class is empty. Sizes must match.
double area_under_roc(std::span<const double> scores, const std::vector<bool>& positive);

/// Least-squares coefficients of `target` (N) on the columns of `rows` (N,K), row-major, with a constant
/// first: 1 + K numbers. A column that the earlier ones already explain (to 1e-10 of its norm) gets 0.
/// REQUIRES: N >= 1 + K. Modified Gram-Schmidt on the augmented matrix (Bjorck, BIT 7, 1967).
std::vector<double> least_squares(std::span<const double> rows, std::size_t terms,
                                  std::span<const double> target);

/// Slope of y over x by least squares with these weights, and its 95 % interval (Student's t, n - 2 degrees
/// of freedom, errors independent with variance 1 / weight). NaN with fewer than 3 points or equal x.
struct Slope {
  double value;
  Bounds ci95;
};
Slope weighted_slope(std::span<const double> x, std::span<const double> y, std::span<const double> weights);

/// Spearman's rank correlation, ties share their mean rank. NaN when a side does not vary or n < 2.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace mop::evaluate
