#include "mop/features/keltner.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include "mop/features/vectorized.h"
#include "mop/features/window_block.h"

namespace mop::features {

Result<Keltner> Keltner::make(std::size_t ema_period, std::size_t atr_period, double multiple) {
  if (!(multiple > 0.0 && std::isfinite(multiple))) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("Keltner band distance must be above 0 average true ranges, was {}", multiple));
  }
  MOP_TRY_ASSIGN(const Ema ema, Ema::make(ema_period));
  MOP_TRY_ASSIGN(const Atr atr, Atr::make(atr_period));
  return Keltner(ema, atr, multiple);
}

std::size_t Keltner::warmup() const {
  return std::max(ema_.warmup(), atr_.warmup());
}

MOP_VECTORIZED void KeltnerColumns::push_block(const CandleBlock& candles, const BlockColumns& out) {
  double ranges[kBlock];
  true_ranges(candles, ranges);
  Keltner channel = channel_;  // in registers
  for (std::size_t i = 0; i < candles.n; ++i) {
    const KeltnerValue value = channel.next(candles.close[i], ranges[i]);
    out.column(0)[i] = value.upper;
    out.column(1)[i] = value.middle;
    out.column(2)[i] = value.lower;
  }
  channel_ = channel;
}

}  // namespace mop::features
