#include "mop/features/vpt.h"

#include <utility>

namespace mop::features {

double Vpt::push(double close, double volume) {
  const std::optional<double> last = std::exchange(last_close_, close);
  if (last) total_ += volume * (close / *last - 1.0);
  return total_;
}

}  // namespace mop::features
