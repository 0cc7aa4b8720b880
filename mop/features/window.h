// Sliding windows the indicators are made of. Constant memory; nothing here allocates after construction.
#pragma once
#include <cstddef>
#include <vector>

namespace mop::features {

/// The last `size` values, oldest first. `size` >= 1.
class Window {
 public:
  explicit Window(std::size_t size) : values_(size, 0.0) {}

  void push(double value) {
    values_[next_] = value;
    next_ = next_ + 1 == values_.size() ? 0 : next_ + 1;
    if (count_ < values_.size()) ++count_;
  }
  bool full() const { return count_ == values_.size(); }
  std::size_t size() const { return values_.size(); }
  /// REQUIRES: full().
  double oldest() const { return values_[next_]; }

  /// fn(value) for each value from the oldest to the newest: the order of a sum must not depend on where the
  /// ring happens to wrap, or the same candles would give other last digits. REQUIRES: full().
  template <typename Fn>
  void for_each(Fn&& fn) const {
    for (std::size_t i = next_; i < values_.size(); ++i)
      fn(values_[i]);
    for (std::size_t i = 0; i < next_; ++i)
      fn(values_[i]);
  }

 private:
  std::vector<double> values_;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

/// Sum of the last `size` values in constant time. A plain running sum collects a rounding error per candle
/// and never loses it; this one carries the error of every addition in a second double (Knuth's TwoSum), so
/// after millions of candles it still equals the freshly computed sum to the last digits.
class RollingSum {
 public:
  explicit RollingSum(std::size_t size) : window_(size) {}

  void push(double value) {
    if (window_.full()) add(-window_.oldest());
    add(value);
    window_.push(value);
  }
  bool full() const { return window_.full(); }
  std::size_t size() const { return window_.size(); }
  double sum() const { return high_; }
  double mean() const { return high_ / static_cast<double>(window_.size()); }

 private:
  void add(double value) {
    const double sum = high_ + value;
    const double part = sum - high_;
    low_ += (high_ - (sum - part)) + (value - part);  // what rounding took from `sum`, exactly
    high_ = sum + low_;
    low_ -= high_ - sum;
  }

  Window window_;
  double high_ = 0.0, low_ = 0.0;  // the sum is high_ + low_, unevaluated
};

}  // namespace mop::features
