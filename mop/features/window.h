// Sliding windows the indicators are made of. Constant memory; nothing here allocates after construction.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <vector>

namespace mop::features {

/// The value pushed `size` values ago, for each push. `size` >= 1.
class Window {
 public:
  explicit Window(std::size_t size) : values_(size, 0.0) {}

  void push(double value) {
    values_[next_] = value;
    if (++next_ == values_.size()) {
      next_ = 0;
      full_ = true;
    }
  }
  bool full() const { return full_; }
  std::size_t size() const { return values_.size(); }
  /// REQUIRES: full().
  double oldest() const { return values_[next_]; }

 private:
  std::vector<double> values_;
  std::size_t next_ = 0;
  bool full_ = false;
};

/// Folds the last `size` values with an associative operation, in log2(size) steps a value: folds of the last
/// 1, 2, 4, 8 ... values are each made of two of half their length, and the window of as many of them as
/// `size` has binary digits, the shortest of them the newest. Nothing is ever taken out again, so a value
/// depends on the window alone, bit for bit, and large values that have left it leave no rounding error.
///
/// Source: the doubling of Hillis and Steele, Data Parallel Algorithms (1986). window_block.h has the same
/// arithmetic over columns.
template <typename Op>
class RollingFold {
 public:
  /// `size` >= 1.
  explicit RollingFold(std::size_t size) : size_(size) {
    std::size_t all = 0;
    for (std::size_t length = 1; length <= size; length *= 2)
      all += ring_size(length);
    rings_.assign(all, Op::kIdentity);
  }

  void push(double value) {
    double* ring = rings_.data();
    for (std::size_t length = 1;; length *= 2) {
      const std::size_t last = ring_size(length) - 1;
      if (size_ & length) {
        const std::size_t newer = size_ & (length - 1);  // values in the pieces before
        fold_ = newer == 0 ? value : Op::apply(fold_, ring[(pushed_ - newer) & last]);
      }
      if (2 * length > size_) {
        ring[pushed_ & last] = value;
        break;
      }
      const double older = ring[(pushed_ - length) & last];
      ring[pushed_ & last] = value;
      value = Op::apply(value, older);
      ring += last + 1;
    }
    ++pushed_;
  }
  /// Of the last `size` values. REQUIRES: full().
  double value() const { return fold_; }
  bool full() const { return pushed_ >= size_; }
  std::size_t size() const { return size_; }

 private:
  // Of folds of `length` values: as far back as they are needed, a power of two.
  std::size_t ring_size(std::size_t length) const {
    const std::size_t newer = size_ & length ? size_ & (length - 1) : 0;
    return std::bit_ceil(2 * length <= size_ ? std::max(length, newer) : newer);
  }

  std::size_t size_;
  std::vector<double> rings_;  // one behind the other, shortest folds first
  std::size_t pushed_ = 0;
  double fold_ = Op::kIdentity;
};

struct Sum {
  static constexpr double kIdentity = 0.0;
  static double apply(double a, double b) { return a + b; }
};
struct Maximum {
  static constexpr double kIdentity = -std::numeric_limits<double>::infinity();
  static double apply(double a, double b) { return a > b ? a : b; }
};
struct Minimum {
  static constexpr double kIdentity = std::numeric_limits<double>::infinity();
  static double apply(double a, double b) { return a < b ? a : b; }
};

using RollingMax = RollingFold<Maximum>;
using RollingMin = RollingFold<Minimum>;

/// Sum of the last `size` values.
class RollingSum : public RollingFold<Sum> {
 public:
  /// `size` >= 1.
  explicit RollingSum(std::size_t size) : RollingFold(size), share_(1.0 / static_cast<double>(size)) {}
  double sum() const { return value(); }
  double mean() const { return value() * share_; }
  /// 1 / size: means are sums times this.
  double share() const { return share_; }

 private:
  double share_;  // 1 / size
};

/// Two neighbouring windows of `newer` and `older` values become one: sums are of deviations from each
/// window's last value, squares of deviations from its mean. Only differences of values inside the window
/// enter, so nothing large cancels at any price level, and equal values have a variance of exactly 0.
///
/// Source: Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances
/// (1979).
class JoinMoments {
 public:
  JoinMoments(std::size_t newer, std::size_t older)
      : older_(static_cast<double>(older)),
        share_newer_(1.0 / static_cast<double>(newer)),
        share_older_(1.0 / older_),
        weight_(static_cast<double>(newer) * older_ / (static_cast<double>(newer) + older_)) {}

  /// `step`: last value of the newer window minus last value of the older one.
  double sum(double newer, double older, double step) const { return newer + (older - older_ * step); }
  double squares(double newer, double older, double sum_newer, double sum_older, double step) const {
    const double apart = (sum_newer * share_newer_ - sum_older * share_older_) + step;  // of the means
    return (newer + older) + apart * apart * weight_;
  }

 private:
  double older_, share_newer_, share_older_, weight_;
};

/// Mean and population variance of the last `size` values, in log2(size) steps a value: windows of 1, 2, 4, 8
/// ... values joined as in RollingFold.
class RollingMoments {
 public:
  /// `size` >= 1.
  explicit RollingMoments(std::size_t size)
      : size_(size), share_(1.0 / static_cast<double>(size)), mask_(std::bit_ceil(size) - 1) {
    std::size_t levels = 0;
    for (std::size_t length = 1; length <= size; length *= 2, ++levels) {
      doubling_.emplace_back(length, length);
      adding_.emplace_back(std::max<std::size_t>(size & (length - 1), 1), length);
    }
    rings_.resize(levels * (mask_ + 1));
  }

  void push(double value) {
    Moments window{value, 0.0, 0.0};
    Moments* ring = rings_.data();
    for (std::size_t level = 0;; ++level, ring += mask_ + 1) {
      const std::size_t length = std::size_t{1} << level;
      if (size_ & length) {
        const std::size_t newer = size_ & (length - 1);
        all_ = newer == 0 ? window : joined(all_, ring[(pushed_ - newer) & mask_], adding_[level]);
      }
      const Moments older = ring[(pushed_ - length) & mask_];
      ring[pushed_ & mask_] = window;
      if (2 * length > size_) break;
      window = joined(window, older, doubling_[level]);
    }
    ++pushed_;
  }
  bool full() const { return pushed_ >= size_; }
  std::size_t size() const { return size_; }
  /// Mean minus the last value, which keeps its digits. REQUIRES: full().
  double mean_from_last() const { return all_.sum * share_; }
  /// REQUIRES: full().
  double variance() const { return all_.squares * share_; }

 private:
  struct Moments {
    double last, sum, squares;
  };
  static Moments joined(const Moments& newer, const Moments& older, const JoinMoments& join) {
    const double step = newer.last - older.last;
    return {newer.last, join.sum(newer.sum, older.sum, step),
            join.squares(newer.squares, older.squares, newer.sum, older.sum, step)};
  }

  std::size_t size_;
  double share_;  // 1 / size
  std::size_t mask_;
  std::vector<JoinMoments> doubling_, adding_;  // per power of two
  std::vector<Moments> rings_;                  // the windows of each power of two, as far back as `size`
  std::size_t pushed_ = 0;
  Moments all_{};
};

}  // namespace mop::features
