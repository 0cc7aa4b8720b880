#include "mop/features/obv.h"

#include <utility>

namespace mop::features {

double Obv::push(double close, double volume) {
  const std::optional<double> last = std::exchange(last_close_, close);
  if (!last || close > *last) {
    total_ += volume;
  } else if (close < *last) {
    total_ -= volume;
  }
  return total_;
}

}  // namespace mop::features
