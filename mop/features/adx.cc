#include "mop/features/adx.h"

#include <cmath>

#include "mop/features/period.h"
#include "mop/features/vectorized.h"
#include "mop/features/window_block.h"

namespace mop::features {

Result<Adx> Adx::make(std::size_t period, double tie) {
  MOP_TRY(check_period("ADX period", period, 2));
  return Adx(period, tie);
}

MOP_VECTORIZED void Adx::push_block(const CandleBlock& candles, double* adx, double* di_plus,
                                    double* di_minus) {
  double ranges[kBlock];
  true_ranges(candles, ranges);
  const double *last_high = candles.high - 1, *last_low = candles.low - 1;
  for (std::size_t i = 0; i < candles.n; ++i) {
    const double up = candles.high[i] - last_high[i], down = last_low[i] - candles.low[i];
    const double margin = tie_ * candles.high[i];
    di_plus[i] = movement(up, down, margin);
    di_minus[i] = movement(down, up, margin);
  }
  Adx state = *this;  // in registers
  for (std::size_t i = 0; i < candles.n; ++i) {
    state.forget();
    di_plus[i] = state.plus_ += di_plus[i];
    di_minus[i] = state.minus_ += di_minus[i];
    ranges[i] = state.range_ += ranges[i];
  }
  for (std::size_t i = 0; i < candles.n; ++i) {
    di_plus[i] = share_of(di_plus[i], ranges[i]);
    di_minus[i] = share_of(di_minus[i], ranges[i]);
    adx[i] = dx(di_plus[i], di_minus[i]);
  }
  for (std::size_t i = 0; i < candles.n; ++i)
    adx[i] = adx[i] == kNoDx ? state.adx_.mean() : state.adx_.next(adx[i]);
  *this = state;
}

void AdxColumns::push_block(const CandleBlock& candles, const BlockColumns& out) {
  adx_.push_block(candles, out.column(0), out.column(1), out.column(2));
}

}  // namespace mop::features
