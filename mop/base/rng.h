// Counter-based random numbers (Philox 4x32-10): the n-th draw of a stream is a function of
// (key, counter) alone, so any thread, device or resumed run draws the same numbers.
// Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
#pragma once
#include <array>
#include <cstdint>

namespace mop {

using PhiloxBlock = std::array<std::uint32_t, 4>;

/// Ten rounds of Philox 4x32 on one counter block.
PhiloxBlock philox(std::uint64_t key, PhiloxBlock counter);

/// A stream of numbers: key = seed, one stream id per purpose. Copyable; equal (seed, stream) draw equally.
class Rng {
 public:
  Rng(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  std::uint32_t next_u32();
  double uniform();                          // [0, 1), 53 random bits
  double normal();                           // mean 0, sd 1 (Box-Muller)
  std::uint64_t below(std::uint64_t bound);  // 0..bound-1, bound > 0; bound < 2^53

 private:
  std::uint64_t seed_, stream_, block_ = 0;
  PhiloxBlock buffer_{};
  unsigned used_ = 4;
  double spare_normal_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace mop
