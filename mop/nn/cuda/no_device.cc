// Linked when CUDA is off.
#include "mop/nn/cuda/device.h"

namespace mop::nn::cuda {

Result<DeviceInfo> find_gpu() {
  return fail(ErrorCode::kUnsupported,
              "this build of mop has no CUDA; build it with `cmake --preset cuda` where nvcc is");
}

Result<std::unique_ptr<Device>> open_gpu() {
  return fail(find_gpu().error());
}

}  // namespace mop::nn::cuda
