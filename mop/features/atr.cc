#include "mop/features/atr.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mop/features/period.h"
#include "mop/features/vectorized.h"

namespace mop::features {

Result<Atr> Atr::make(std::size_t period) {
  MOP_TRY(check_period("ATR period", period, 2));
  return Atr(period);
}

MOP_VECTORIZED void true_ranges(const CandleBlock& candles, double* ranges) {
  const double* last_close = candles.close - 1;
  for (std::size_t i = 0; i < candles.n; ++i)
    ranges[i] = true_range(candles.high[i], candles.low[i], last_close[i]);
}

MOP_VECTORIZED void AtrColumns::push_block(const CandleBlock& candles, const BlockColumns& out) {
  double* const mean = out.column(0);
  true_ranges(candles, mean);
  Atr atr = atr_;  // in registers
  for (std::size_t i = 0; i < candles.n; ++i)
    mean[i] = atr.next(mean[i]);
  atr_ = atr;
  for (std::size_t i = 0; i < candles.n; ++i)
    out.column(1)[i] = Atr::natr(mean[i], candles.close[i]);
}

}  // namespace mop::features
