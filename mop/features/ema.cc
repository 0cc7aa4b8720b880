#include "mop/features/ema.h"

#include "mop/features/period.h"
#include "mop/features/vectorized.h"

namespace mop::features {

Result<Ema> Ema::make(std::size_t period) {
  MOP_TRY(check_period("EMA period", period, 1));
  return Ema(period);
}

MOP_VECTORIZED void EmaColumns::push_block(const CandleBlock& candles, const BlockColumns& out) {
  std::array<Ema, 5> means = means_;  // in registers
  for (std::size_t i = 0; i < candles.n; ++i) {
    for (std::size_t j = 0; j < means.size(); ++j)
      out.column(j)[i] = means[j].next(candles.close[i]);
  }
  means_ = means;
}

}  // namespace mop::features
