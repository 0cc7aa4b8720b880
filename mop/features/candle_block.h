#pragma once
#include <cstddef>

namespace mop::features {

/// Candles side by side: index 0 is the block's first, and kBlockHistory candles before it may be read.
struct CandleBlock {
  const double *open, *high, *low, *close, *volume;
  std::size_t n;
};

/// Where a block's columns go: column f of an indicator begins at column(f).
class BlockColumns {
 public:
  BlockColumns(double* first, std::size_t stride) : first_(first), stride_(stride) {}
  double* column(std::size_t f) const { return first_ + f * stride_; }

 private:
  double* first_;
  std::size_t stride_;
};

}  // namespace mop::features
