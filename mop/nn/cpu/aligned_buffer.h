#pragma once
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>

namespace mop::nn::cpu {

inline constexpr std::size_t kLine = 16;       // floats in a cache line
inline constexpr std::size_t kGatesPad = 128;  // floats behind one block's gates

/// Float memory at cache line boundaries that grows and never shrinks.
class AlignedBuffer {
 public:
  /// At least `count` floats; when the buffer has to grow they are all NaN, so that reading what was never
  /// written shows.
  float* get(std::size_t count) {
    if (count > capacity_) {
      data_.reset();
      data_ = allocate(count * sizeof(float));
      capacity_ = count;
      std::fill_n(data_.get(), count, std::numeric_limits<float>::quiet_NaN());
    }
    return data_.get();
  }
  float* data() const { return data_.get(); }

 private:
  static constexpr std::size_t kLineBytes = 64, kHugePage = std::size_t{1} << 21;

  struct Free {
    std::align_val_t alignment;
    void operator()(float* p) const { ::operator delete(p, alignment); }
  };
  using Memory = std::unique_ptr<float, Free>;

  // Megabytes lie in huge pages where the system has them: the address translation is felt otherwise.
  static Memory allocate(std::size_t bytes) {
    const bool large = bytes >= kHugePage / 2;
    const std::size_t unit = large ? kHugePage : kLineBytes, rounded = (bytes + unit - 1) / unit * unit;
    const std::align_val_t alignment{unit};
    Memory memory(static_cast<float*>(::operator new(rounded, alignment)), {alignment});
    if (large) ::madvise(memory.get(), rounded, MADV_HUGEPAGE);
    return memory;
  }

  Memory data_;
  std::size_t capacity_ = 0;
};

/// Units in whole vectors on every instruction set.
inline std::size_t in_whole_vectors(std::size_t units) {
  return (units + 15) / 16 * 16;
}

/// Rows of hidden states are this long: every row begins at a cache line, and an odd number of lines lets one
/// column of many rows spread over all sets of the first cache.
inline std::size_t padded(std::size_t units) {
  return (in_whole_vectors(units) / kLine | 1) * kLine;
}

/// Columns of a product are this many, whole panels on every instruction set (tile-inl.h).
inline std::size_t padded_to_panel(std::size_t columns) {
  return (columns + 63) / 64 * 64;
}

}  // namespace mop::nn::cpu
