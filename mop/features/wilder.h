#pragma once
#include <cstddef>
#include <optional>

namespace mop::features {

/// Wilder's smoothing, the mean behind RSI, ATR and ADX: an exponential average with alpha 1/n.
///
///   w_t = (w_{t-1} * (n - 1) + x_t) / n,   first value: the plain mean of the first n values
///
/// Source: Wilder, New Concepts in Technical Trading Systems (1978).
class WilderMean {
 public:
  /// `period` >= 1, in values.
  explicit WilderMean(std::size_t period)
      : period_(period),
        before_(static_cast<double>(period) - 1.0),
        share_(1.0 / static_cast<double>(period)) {}

  /// Empty until `period` values were seen.
  std::optional<double> push(double value) {
    if (seen_ < period_) {
      mean_ += value;
      if (++seen_ < period_) return std::nullopt;
      mean_ /= static_cast<double>(period_);
    } else {
      next(value);
    }
    return mean_;
  }

  /// The same without the question whether it is full. REQUIRES: it is.
  double next(double value) {
    return mean_ = (mean_ * before_ + value) * share_;  // a product: a quotient takes three times as long
  }

  bool full() const { return seen_ == period_; }
  /// REQUIRES: full().
  double mean() const { return mean_; }
  std::size_t period() const { return period_; }

 private:
  std::size_t period_;
  double before_, share_;  // n - 1, 1 / n
  std::size_t seen_ = 0;
  double mean_ = 0.0;  // the sum while seeding
};

}  // namespace mop::features
