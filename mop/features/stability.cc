#include "mop/features/stability.h"

namespace mop::features {

std::string_view to_string(Stability stability) {
  switch (stability) {
    case Stability::kExact:
      return "exact";
    case Stability::kConverging:
      return "converging";
    case Stability::kPathDependent:
      return "path-dependent";
  }
  return "unknown";
}

}  // namespace mop::features
