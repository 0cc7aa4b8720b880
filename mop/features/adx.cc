#include "mop/features/adx.h"

#include <cmath>

#include "mop/features/period.h"

namespace mop::features {

Result<Adx> Adx::make(std::size_t period, double tie) {
  MOP_TRY(check_period("ADX period", period, 2));
  return Adx(period, tie);
}

}  // namespace mop::features
