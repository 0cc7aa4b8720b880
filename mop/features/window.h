// Sliding windows the indicators are made of. Constant memory; nothing here allocates after construction.
#pragma once
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

/// Folds the last `size` values with an operation that is associative and has an identity, in amortised
/// constant time: three operations a value. The values are cut into blocks of `size`; a window is the end of
/// one block and the beginning of the next. Beginnings are folded as they come, ends once per block,
/// backwards. Nothing is ever taken out again, so a sum carries no rounding error of values that have left
/// the window.
///
/// Source: van Herk (1992) and Gil and Werman (1993), who did it for maxima.
template <typename Op>
class RollingFold {
 public:
  /// `size` >= 1.
  explicit RollingFold(std::size_t size) : ends_(size + 1, Op::kIdentity), size_(size) {}

  void push(double value) {
    beginning_ = Op::apply(beginning_, value);
    fold_ = Op::apply(ends_[next_ + 1], beginning_);
    ends_[next_] = value;  // its end of the last block is in no later window
    if (++next_ == size_) {
      fold_ends(ends_.data(), size_);
      beginning_ = Op::kIdentity;
      next_ = 0;
      full_ = true;
    }
  }
  /// Of the last `size` values, of all while there are fewer.
  double value() const { return fold_; }
  bool full() const { return full_; }
  std::size_t size() const { return size_; }

 private:
  static void fold_ends(double* ends, std::size_t size) {
    for (std::size_t i = size - 1; i-- > 0;)
      ends[i] = Op::apply(ends[i], ends[i + 1]);
  }

  std::vector<double> ends_;  // values of this block up to next_, ends of the last block from there on
  std::size_t size_;
  std::size_t next_ = 0;
  double beginning_ = Op::kIdentity, fold_ = Op::kIdentity;
  bool full_ = false;
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

 private:
  double share_;  // 1 / size
};

/// Mean and population variance of the last `size` values, in amortised constant time, by the same cutting
/// into blocks. Deviations are taken from a value inside the window, so that nothing large cancels: the
/// relative error of the variance stays below 1e-13 at any price level, and equal values have variance 0.
class RollingMoments {
 public:
  /// `size` >= 1.
  explicit RollingMoments(std::size_t size)
      : values_(size, 0.0),
        end_sums_(size + 1, 0.0),
        end_squares_(size + 1, 0.0),
        size_(size),
        share_(1.0 / static_cast<double>(size)) {}

  void push(double value) {
    if (next_ == 0) {
      shift_ = last_ - value;
      first_ = value;
      sum_ = squares_ = 0.0;
    }
    const double deviation = value - first_;
    sum_ += deviation;
    squares_ += deviation * deviation;
    values_[next_] = value;
    const double before = static_cast<double>(size_ - ++next_);  // values of the window in the last block
    const double end_sum = end_sums_[next_], moved = before * shift_;
    sum_in_window_ = sum_ + (end_sum + moved);
    squares_in_window_ = squares_ + (end_squares_[next_] + shift_ * (2.0 * end_sum + moved));
    if (next_ == size_) {
      last_ = value;
      add_ends(values_.data(), end_sums_.data(), end_squares_.data(), size_);
      next_ = 0;
      full_ = true;
    }
  }
  bool full() const { return full_; }
  std::size_t size() const { return size_; }
  /// Mean minus `from`, which keeps its digits when `from` is near the mean. REQUIRES: full().
  double mean_from(double from) const { return (first_ - from) + sum_in_window_ * share_; }
  /// REQUIRES: full().
  double variance() const {
    const double variance = (squares_in_window_ - sum_in_window_ * (sum_in_window_ * share_)) * share_;
    return variance > 0.0 ? variance : 0.0;
  }

 private:
  static void add_ends(const double* values, double* sums, double* squares, std::size_t size) {
    double sum = 0.0, square = 0.0;
    for (std::size_t i = size; i-- > 0;) {
      const double deviation = values[i] - values[size - 1];
      sums[i] = sum += deviation;
      squares[i] = square += deviation * deviation;
    }
  }

  std::vector<double> values_;                  // of this block
  std::vector<double> end_sums_, end_squares_;  // of the last block, deviations from its last value
  std::size_t size_;
  double share_;  // 1 / size
  std::size_t next_ = 0;
  double first_ = 0.0, last_ = 0.0, shift_ = 0.0;  // of this block, of the last one, last_ - first_
  double sum_ = 0.0, squares_ = 0.0;               // of this block, deviations from first_
  double sum_in_window_ = 0.0, squares_in_window_ = 0.0;
  bool full_ = false;
};

}  // namespace mop::features
