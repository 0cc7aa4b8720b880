// The windows of window.h over a block of candles: the same additions in the same order, so bit for bit the
// same values, but side by side instead of one after the other.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>

#include "mop/features/window.h"

namespace mop::features {

/// Candles of a block: few enough that what one indicator works on stays in the first-level cache.
inline constexpr std::size_t kBlock = 512;
/// Candles before a block that indicators may read.
inline constexpr std::size_t kBlockHistory = 256;

/// Most values a window is taken at: a block, and what a second window behind the first one reaches back.
inline constexpr std::size_t kBlockReach = kBlock + kBlockHistory;

/// A column of doubles around a block: index 0 is the block's first candle, -kBlockHistory its earliest.
class BlockScratch {
 public:
  double* data() { return values_ + kBlockHistory; }

 private:
  double values_[kBlockHistory + kBlockReach];
};

/// outs[j][i] = fold of values[i - sizes[j] + 1 .. i] for i in 0 .. n - 1, as RollingFold. Sizes at most
/// kBlockHistory, n at most kBlockReach. Inlined, so that it is compiled for the processor its caller is
/// compiled for.
template <typename Op, std::size_t K>
[[gnu::always_inline]] inline void fold_windows(const double* values, std::size_t n,
                                                const std::array<std::size_t, K>& sizes,
                                                const std::array<double*, K>& outs) {
  BlockScratch scratch[2];
  const auto end = static_cast<std::ptrdiff_t>(n);
  const std::size_t longest = *std::max_element(sizes.begin(), sizes.end());
  std::ptrdiff_t begin = 1 - static_cast<std::ptrdiff_t>(longest);
  const double* level = values;
  for (std::size_t length = 1, turn = 0;; length *= 2, turn ^= 1) {
    for (std::size_t j = 0; j < K; ++j) {
      if ((sizes[j] & length) == 0) continue;
      const std::size_t newer = sizes[j] & (length - 1);
      const double* piece = level - newer;
      double* out = outs[j];
      if (newer == 0) {
        std::copy_n(piece, n, out);
      } else {
        for (std::size_t i = 0; i < n; ++i)
          out[i] = Op::apply(out[i], piece[i]);
      }
    }
    if (2 * length > longest) return;
    const double *now = level, *before = level - length;
    double* doubled = scratch[turn].data();
    begin += static_cast<std::ptrdiff_t>(length);
    for (std::ptrdiff_t i = begin; i < end; ++i)
      doubled[i] = Op::apply(now[i], before[i]);
    level = doubled;
  }
}

template <typename Op>
[[gnu::always_inline]] inline void fold_window(const double* values, std::size_t n, std::size_t size,
                                               double* out) {
  fold_windows<Op, 1>(values, n, {size}, {out});
}

/// sums[i] and squares[i]: sum of deviations from values[i] and sum of squared deviations from the mean of
/// values[i - size + 1 .. i], as RollingMoments. Limits as in fold_windows.
void moments_window(const double* values, std::size_t n, std::size_t size, double* sums, double* squares);

}  // namespace mop::features
