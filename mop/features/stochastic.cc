#include "mop/features/stochastic.h"

#include <algorithm>

#include "mop/features/period.h"
#include "mop/features/vectorized.h"
#include "mop/features/window_block.h"

namespace mop::features {
Result<Stochastic> Stochastic::make(std::size_t period, std::size_t smooth, std::size_t d_period,
                                    double flat_value) {
  MOP_TRY(check_period("stochastic period", period, 1));
  MOP_TRY(check_period("stochastic %K smoothing", smooth, 1));
  MOP_TRY(check_period("stochastic %D period", d_period, 1));
  return Stochastic(period, smooth, d_period, flat_value);
}

MOP_VECTORIZED void Stochastic::push_block(const CandleBlock& candles, double* k, double* d) const {
  // Smoothing reaches back behind the block: begin that much earlier.
  const std::size_t early = fast_.size() + slow_.size() - 2, slow_early = slow_.size() - 1;
  const std::size_t n = candles.n + early;
  double highest[kBlockReach], lowest[kBlockReach];
  fold_window<Maximum>(candles.high - early, n, high_.size(), highest);
  fold_window<Minimum>(candles.low - early, n, low_.size(), lowest);
  for (std::size_t i = 0; i < n; ++i)
    lowest[i] = fast(highest[i], lowest[i], (candles.close - early)[i]);
  double* const smooth = highest;
  fold_window<Sum>(lowest + early - slow_early, candles.n + slow_early, fast_.size(), smooth);
  for (std::size_t i = 0; i < candles.n + slow_early; ++i)
    smooth[i] *= fast_.share();
  std::copy_n(smooth + slow_early, candles.n, k);
  fold_window<Sum>(smooth + slow_early, candles.n, slow_.size(), d);
  for (std::size_t i = 0; i < candles.n; ++i)
    d[i] *= slow_.share();
}

void StochasticColumns::push_block(const CandleBlock& candles, const BlockColumns& out) const {
  stochastic_.push_block(candles, out.column(0), out.column(1));
}

}  // namespace mop::features
