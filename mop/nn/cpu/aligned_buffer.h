#pragma once
#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>

namespace mop::nn::cpu {

/// Float memory at cache line boundaries that grows and never shrinks.
class AlignedBuffer {
 public:
  /// At least `count` floats; when the buffer has to grow they are all NaN, so that reading what was never
  /// written shows.
  float* get(std::size_t count) {
    if (count > capacity_) {
      data_.reset();
      data_.reset(static_cast<float*>(::operator new(count * sizeof(float), kAlignment)));
      capacity_ = count;
      std::fill_n(data_.get(), count, std::numeric_limits<float>::quiet_NaN());
    }
    return data_.get();
  }
  float* data() const { return data_.get(); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(float* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<float, Free> data_;
  std::size_t capacity_ = 0;
};

/// Rows of hidden states are this long, so that every row begins at a vector boundary.
inline std::size_t padded(std::size_t units) {
  return (units + 15) / 16 * 16;
}

/// Columns of a product are this many, whole panels on every instruction set (tile-inl.h).
inline std::size_t padded_to_panel(std::size_t columns) {
  return (columns + 63) / 64 * 64;
}

}  // namespace mop::nn::cpu
