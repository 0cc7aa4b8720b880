#include "mop/features/keltner.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

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

}  // namespace mop::features
