#include "mop/features/atr.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mop/features/period.h"

namespace mop::features {

Result<Atr> Atr::make(std::size_t period) {
  MOP_TRY(check_period("ATR period", period, 2));
  return Atr(period);
}

}  // namespace mop::features
