#include "mop/features/rolling_median.h"

#include <algorithm>

namespace mop::features {

void RollingMedian::push(double value) {
  const auto begin = sorted_.begin(), end = begin + static_cast<std::ptrdiff_t>(count_);
  const auto place = std::upper_bound(begin, end, value);
  if (!window_.full()) {
    std::move_backward(place, end, end + 1);
    *place = value;
    ++count_;
  } else {
    const auto leaving = std::lower_bound(begin, end, window_.oldest());
    if (leaving < place) {
      *std::move(leaving + 1, place, leaving) = value;
    } else {
      std::move_backward(place, leaving, leaving + 1);
      *place = value;
    }
  }
  window_.push(value);
}

double RollingMedian::median() const {
  const std::size_t upper = count_ / 2;
  if (count_ % 2 == 1) return sorted_[upper];
  return 0.5 * (sorted_[upper - 1] + sorted_[upper]);
}

}  // namespace mop::features
