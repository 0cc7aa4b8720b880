// Runs the CUDA kernels without a GPU, for tests: every thread of a block is a fiber, blocks come one after
// the other.
#pragma once
#include <cstdint>
#include <memory>

#include "mop/nn/cuda/device.h"

namespace mop::nn::cuda {

enum class Operands {
  kExact,  // products of the floats as they are: agrees with the CPU but for the order of additions
  kTf32    // rounded to 10 bits behind the point, as a GPU does it
};

struct EmulatedLimits {
  std::size_t memory_bytes = std::size_t{1} << 30;
  std::size_t shared_bytes = 227 * 1024;
  int multiprocessors = 4;
  std::size_t launches_until_lost = SIZE_MAX;  // then wait() fails, as when a GPU falls off its bus
  bool backwards = false;                      // the last thread first: nothing may depend on it
};

std::unique_ptr<Device> emulated_device(Operands operands, const EmulatedLimits& limits = {});

}  // namespace mop::nn::cuda
