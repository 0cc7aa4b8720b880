#include <cuda_runtime.h>

#include "mop/train/gpu.h"

namespace mop::train {

Result<Gpu> find_gpu() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    return fail(ErrorCode::kUnsupported, std::string("no CUDA device is usable here (") +
                                             cudaGetErrorString(status) + "); use --device cpu");
  }
  cudaDeviceProp properties{};
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, 0); error != cudaSuccess) {
    return fail(ErrorCode::kUnsupported,
                std::string("the CUDA device cannot be read: ") + cudaGetErrorString(error));
  }
  return Gpu{properties.name, properties.totalGlobalMem, properties.major, properties.minor};
}

}  // namespace mop::train
