#include "mop/features/rsi.h"

#include <algorithm>
#include <utility>

#include "mop/features/period.h"

namespace mop::features {

Result<Rsi> Rsi::make(std::size_t period, double flat_value) {
  MOP_TRY(check_period("RSI period", period, 2));
  return Rsi(period, flat_value);
}

}  // namespace mop::features
