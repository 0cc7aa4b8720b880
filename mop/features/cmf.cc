#include "mop/features/cmf.h"

#include "mop/features/period.h"
#include "mop/features/vectorized.h"
#include "mop/features/window_block.h"

namespace mop::features {

Result<Cmf> Cmf::make(std::size_t period) {
  MOP_TRY(check_period("CMF period", period, 1));
  return Cmf(period);
}

MOP_VECTORIZED void CmfColumn::push_block(const CandleBlock& candles, const BlockColumns& out) const {
  BlockScratch scratch;
  double* const flows = scratch.data();
  for (std::ptrdiff_t i = 1 - static_cast<std::ptrdiff_t>(kPeriod);
       i < static_cast<std::ptrdiff_t>(candles.n); ++i)
    flows[i] = Cmf::flow(candles.high[i], candles.low[i], candles.close[i], candles.volume[i]);
  double volumes[kBlock];
  double* const column = out.column(0);
  fold_window<Sum>(flows, candles.n, kPeriod, column);
  fold_window<Sum>(candles.volume, candles.n, kPeriod, volumes);
  for (std::size_t i = 0; i < candles.n; ++i)
    column[i] = Cmf::value_of(column[i], volumes[i]);
}

}  // namespace mop::features
