#include "mop/features/cmf.h"

#include "mop/features/period.h"

namespace mop::features {

Result<Cmf> Cmf::make(std::size_t period) {
  MOP_TRY(check_period("CMF period", period, 1));
  return Cmf(period);
}

}  // namespace mop::features
