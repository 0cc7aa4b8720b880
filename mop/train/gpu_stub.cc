// Linked when CUDA is off.
#include "mop/train/gpu.h"

namespace mop::train {

Result<Gpu> find_gpu() {
  return fail(ErrorCode::kUnsupported,
              "this build of mop has no CUDA; build it with `cmake --preset cuda` where nvcc is, or use "
              "--device cpu");
}

}  // namespace mop::train
