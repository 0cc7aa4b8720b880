#include "mop/features/momentum.h"

#include "mop/features/period.h"
#include "mop/features/vectorized.h"

namespace mop::features {

Result<Momentum> Momentum::make(std::size_t period) {
  MOP_TRY(check_period("momentum period", period, 1));
  return Momentum(period);
}

MOP_VECTORIZED void MomentumColumn::push_block(const CandleBlock& candles, const BlockColumns& out) const {
  const double* before = candles.close - kPeriod;
  for (std::size_t i = 0; i < candles.n; ++i)
    out.column(0)[i] = candles.close[i] - before[i];
}

}  // namespace mop::features
