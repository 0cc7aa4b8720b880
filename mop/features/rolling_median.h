#pragma once
#include <cstddef>
#include <vector>

#include "mop/features/window.h"

namespace mop::features {

/// Median and maximum of the last `size` values, exact. The window is kept sorted: a push is two binary
/// searches and one move of the values between them, at most `size` doubles (a few cache lines for one day of
/// candles), which is faster at these sizes than a pair of heaps.
class RollingMedian {
 public:
  /// `size` >= 1, in candles.
  explicit RollingMedian(std::size_t size) : window_(size), sorted_(size) {}

  /// Feeds one value (not NaN).
  void push(double value);
  bool full() const { return window_.full(); }
  /// Mean of the two middle values when the count is even. REQUIRES: at least one value was pushed.
  double median() const;
  /// REQUIRES: at least one value was pushed.
  double max() const { return sorted_[count_ - 1]; }

 private:
  Window window_;
  std::vector<double>
      sorted_;  // the first count_ are in use; its size stays, so that copies allocate nothing
  std::size_t count_ = 0;
};

}  // namespace mop::features
