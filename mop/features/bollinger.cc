#include "mop/features/bollinger.h"

#include <cmath>

#include <fmt/format.h>

#include "mop/features/period.h"
#include "mop/features/vectorized.h"
#include "mop/features/window_block.h"

namespace mop::features {

Result<Bollinger> Bollinger::make(std::size_t period, double deviations) {
  MOP_TRY(check_period("Bollinger period", period, 2));
  if (!(deviations > 0.0 && std::isfinite(deviations))) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("Bollinger band distance must be above 0 standard deviations, was {}", deviations));
  }
  return Bollinger(period, deviations);
}

MOP_VECTORIZED void BollingerColumns::push_block(const CandleBlock& candles, const BlockColumns& out) const {
  double sums[kBlock], squares[kBlock];
  moments_window(candles.close, candles.n, kPeriod, sums, squares);
  constexpr double kShare = 1.0 / static_cast<double>(kPeriod);
  for (std::size_t i = 0; i < candles.n; ++i) {
    const BollingerValue value = bands_.value_of(candles.close[i], sums[i] * kShare, squares[i] * kShare);
    out.column(0)[i] = value.upper;
    out.column(1)[i] = value.middle;
    out.column(2)[i] = value.lower;
    out.column(3)[i] = value.width;
    out.column(4)[i] = value.percent_b;
  }
}

}  // namespace mop::features
