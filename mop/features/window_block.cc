#include "mop/features/window_block.h"

#include "mop/features/vectorized.h"

namespace mop::features {

MOP_VECTORIZED void moments_window(const double* values, std::size_t n, std::size_t size, double* sums,
                                   double* squares) {
  BlockScratch sum_scratch[2], square_scratch[2];
  const auto end = static_cast<std::ptrdiff_t>(n);
  std::ptrdiff_t begin = 1 - static_cast<std::ptrdiff_t>(size);
  double *sum = sum_scratch[0].data(), *square = square_scratch[0].data();
  std::fill(sum + begin, sum + end, 0.0);
  std::fill(square + begin, square + end, 0.0);
  for (std::size_t length = 1, turn = 1;; length *= 2, turn ^= 1) {
    if (size & length) {
      const std::size_t newer = size & (length - 1);
      const double *before = values - newer, *older_sum = sum - newer, *older_square = square - newer;
      const JoinMoments join(std::max<std::size_t>(newer, 1), length);
      if (newer == 0) {
        std::copy_n(sum, n, sums);
        std::copy_n(square, n, squares);
      } else {
        for (std::size_t i = 0; i < n; ++i) {
          const double step = values[i] - before[i];
          squares[i] = join.squares(squares[i], older_square[i], sums[i], older_sum[i], step);
          sums[i] = join.sum(sums[i], older_sum[i], step);
        }
      }
    }
    if (2 * length > size) return;
    const double *before = values - length, *older_sum = sum - length, *older_square = square - length;
    double *next_sum = sum_scratch[turn].data(), *next_square = square_scratch[turn].data();
    const JoinMoments join(length, length);
    begin += static_cast<std::ptrdiff_t>(length);
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      const double step = values[i] - before[i];
      next_sum[i] = join.sum(sum[i], older_sum[i], step);
      next_square[i] = join.squares(square[i], older_square[i], sum[i], older_sum[i], step);
    }
    sum = next_sum;
    square = next_square;
  }
}

}  // namespace mop::features
