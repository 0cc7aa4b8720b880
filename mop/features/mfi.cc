#include "mop/features/mfi.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mop/features/period.h"
#include "mop/features/vectorized.h"
#include "mop/features/window_block.h"

namespace mop::features {

Result<Mfi> Mfi::make(std::size_t period, MfiRules rules) {
  MOP_TRY(check_period("MFI period", period, 2));
  return Mfi(period, rules);
}

MOP_VECTORIZED void Mfi::push_block(const CandleBlock& candles, double* mfi) const {
  BlockScratch scratch[3];
  double *prices = scratch[0].data(), *rises = scratch[1].data(), *falls = scratch[2].data();
  const auto begin = 1 - static_cast<std::ptrdiff_t>(rises_.size()),
             end = static_cast<std::ptrdiff_t>(candles.n);
  for (std::ptrdiff_t i = begin - 1; i < end; ++i)
    prices[i] = typical(candles.high[i], candles.low[i], candles.close[i]);
  for (std::ptrdiff_t i = begin; i < end; ++i) {
    const double change = prices[i] - prices[i - 1];
    const double flow = prices[i] * candles.volume[i];
    const double margin = rules_.tie * prices[i];
    rises[i] = where(change > margin, flow);
    falls[i] = where(-change > margin, flow);
  }
  double fall_sums[kBlock];
  fold_window<Sum>(rises, candles.n, rises_.size(), mfi);
  fold_window<Sum>(falls, candles.n, falls_.size(), fall_sums);
  for (std::size_t i = 0; i < candles.n; ++i)
    mfi[i] = value_of(mfi[i], fall_sums[i]);
}

void MfiColumn::push_block(const CandleBlock& candles, const BlockColumns& out) const {
  mfi_.push_block(candles, out.column(0));
}

}  // namespace mop::features
