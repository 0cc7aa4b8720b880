#include "mop/features/momentum.h"

#include "mop/features/period.h"

namespace mop::features {

Result<Momentum> Momentum::make(std::size_t period) {
  MOP_TRY(check_period("momentum period", period, 1));
  return Momentum(period);
}

std::optional<double> Momentum::push(double close) {
  std::optional<double> value;
  if (past_.full()) value = close - past_.oldest();
  past_.push(close);
  return value;
}

}  // namespace mop::features
