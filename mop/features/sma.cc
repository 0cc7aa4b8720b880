#include "mop/features/sma.h"

#include "mop/features/period.h"
#include "mop/features/vectorized.h"
#include "mop/features/window_block.h"

namespace mop::features {

Result<Sma> Sma::make(std::size_t period) {
  MOP_TRY(check_period("SMA period", period, 1));
  return Sma(period);
}

MOP_VECTORIZED void SmaColumns::push_block(const CandleBlock& candles, const BlockColumns& out) const {
  constexpr std::array<std::size_t, 5> kPeriods{10, 20, 50, 100, 200};
  std::array<double*, 5> sums{};
  for (std::size_t j = 0; j < kPeriods.size(); ++j)
    sums[j] = out.column(j);
  fold_windows<Sum>(candles.close, candles.n, kPeriods, sums);
  for (std::size_t j = 0; j < kPeriods.size(); ++j) {
    const double share = 1.0 / static_cast<double>(kPeriods[j]);
    for (std::size_t i = 0; i < candles.n; ++i)
      sums[j][i] *= share;
  }
}

}  // namespace mop::features
