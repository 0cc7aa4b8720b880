// The baselines a model is judged against, as fitted: docs and fitting are in evaluate/baselines.h, the model
// file carries them.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace mop::train {

/// A fitted exp(b0 + b1 ln sigma + b . terms), the exponent held inside the range of its fitted values.
struct LogLinear {
  std::vector<double> coefficients;    // (2 + K): constant, ln sigma, terms; empty when not fitted
  double lowest = 0.0, highest = 0.0;  // range of the exponent on the fit part

  /// REQUIRES: sigma > 0, terms has K numbers.
  double at(double sigma, std::span<const double> terms) const;

  bool operator==(const LogLinear&) const = default;
};

struct Baselines {
  std::size_t horizon = 0;           // H
  std::vector<double> levels;        // (L)
  std::vector<double> static_y;      // (H,L) quantiles of y
  std::vector<double> ewma_z;        // (H,L) quantiles of z
  std::vector<LogLinear> har_scale;  // (H)
  std::vector<double> har_residual;  // (H,L) quantiles of z / s
  LogLinear range;                   // the next ln(high / low) over sigma; not fitted when ranges are unknown
  double spike_threshold = 0.0;      // 90th percentile of the next ln(high / low) on the fit part, or NaN
  std::size_t fitted_rows = 0;       // rows with a known target one step ahead

  /// K, the number of HAR terms.
  std::size_t terms() const { return har_scale.empty() ? 0 : har_scale[0].coefficients.size() - 2; }
};

}  // namespace mop::train
