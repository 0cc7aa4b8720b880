#include "mop/features/mfi.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mop/features/period.h"

namespace mop::features {

Result<Mfi> Mfi::make(std::size_t period, MfiRules rules) {
  MOP_TRY(check_period("MFI period", period, 2));
  return Mfi(period, rules);
}

}  // namespace mop::features
