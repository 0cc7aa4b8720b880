#include "mop/features/roc.h"

#include "mop/features/period.h"

namespace mop::features {

Result<Roc> Roc::make(std::size_t period) {
  MOP_TRY(check_period("ROC period", period, 1));
  return Roc(period);
}

std::optional<double> Roc::push(double close) {
  std::optional<double> value;
  if (past_.full()) {
    const double before = past_.oldest();
    value = before == 0.0 ? 0.0 : 100.0 * (close / before - 1.0);
  }
  past_.push(close);
  return value;
}

}  // namespace mop::features
