#include "mop/features/rsi.h"

#include <algorithm>
#include <utility>

#include "mop/features/period.h"
#include "mop/features/vectorized.h"
#include "mop/features/window_block.h"

namespace mop::features {

Result<Rsi> Rsi::make(std::size_t period, double flat_value) {
  MOP_TRY(check_period("RSI period", period, 2));
  return Rsi(period, flat_value);
}

MOP_VECTORIZED void RsiColumns::push_block(const CandleBlock& candles, const BlockColumns& out) {
  double rise[kBlock], fall[kBlock], gains[2][kBlock], totals[2][kBlock];
  for (std::size_t i = 0; i < candles.n; ++i) {
    const double change = candles.close[i] - candles.close[static_cast<std::ptrdiff_t>(i) - 1];
    rise[i] = where(change > 0.0, change);
    fall[i] = rise[i] - change;
  }
  Rsi fast = fast_, slow = slow_;  // in registers
  for (std::size_t i = 0; i < candles.n; ++i) {
    fast.next(rise[i], fall[i], gains[0][i], totals[0][i]);
    slow.next(rise[i], fall[i], gains[1][i], totals[1][i]);
  }
  fast_ = fast;
  slow_ = slow;
  for (std::size_t f = 0; f < 2; ++f) {
    for (std::size_t i = 0; i < candles.n; ++i)
      out.column(f)[i] = fast.value_of(gains[f][i], totals[f][i]);
  }
}

}  // namespace mop::features
