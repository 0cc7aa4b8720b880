#include "mop/features/roc.h"

#include "mop/features/period.h"

namespace mop::features {

Result<Roc> Roc::make(std::size_t period) {
  MOP_TRY(check_period("ROC period", period, 1));
  return Roc(period);
}

}  // namespace mop::features
