#pragma once
#include <cstddef>
#include <string>

#include "mop/base/result.h"

namespace mop::train {

struct Gpu {
  std::string name;          // "NVIDIA H200"
  std::size_t memory_bytes;  // total
  int compute_major, compute_minor;
};

/// The first CUDA device. Errors: kUnsupported when this build has no CUDA or the machine no such device.
Result<Gpu> find_gpu();

}  // namespace mop::train
