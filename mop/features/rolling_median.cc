#include "mop/features/rolling_median.h"

#include <algorithm>

namespace mop::features {

void RollingMedian::push(double value) {
  if (!window_.full()) {
    sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), value), value);
  } else {
    const auto leaving = std::lower_bound(sorted_.begin(), sorted_.end(), window_.oldest());
    const auto place = std::upper_bound(sorted_.begin(), sorted_.end(), value);
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
  const std::size_t upper = sorted_.size() / 2;
  if (sorted_.size() % 2 == 1) return sorted_[upper];
  return 0.5 * (sorted_[upper - 1] + sorted_[upper]);
}

}  // namespace mop::features
