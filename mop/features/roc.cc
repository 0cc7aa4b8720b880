#include "mop/features/roc.h"

#include "mop/features/period.h"
#include "mop/features/vectorized.h"

namespace mop::features {

Result<Roc> Roc::make(std::size_t period) {
  MOP_TRY(check_period("ROC period", period, 1));
  return Roc(period);
}

MOP_VECTORIZED void RocColumn::push_block(const CandleBlock& candles, const BlockColumns& out) const {
  const double* before = candles.close - kPeriod;
  for (std::size_t i = 0; i < candles.n; ++i)
    out.column(0)[i] = Roc::value_of(candles.close[i], before[i]);
}

}  // namespace mop::features
