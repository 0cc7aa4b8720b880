// Trains networks side by side on a device: train_network()'s epochs with the same seeds, cuts, dropout and
// stopping, so that losses differ only by the device's rounding.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "mop/base/result.h"
#include "mop/nn/cuda/device.h"
#include "mop/train/checkpoint.h"
#include "mop/train/epochs.h"

namespace mop::train {

/// One network of a pool, and who hears of it. A state is saved when the store is due, and when the training
/// is interrupted.
struct NetworkJob {
  const Pool* pool = nullptr;
  std::size_t number = 0;
  EpochObserver observe;
  CheckpointStore store;
};

/// Jobs that are trained at the same time, and the device memory that takes.
struct Wave {
  std::vector<std::size_t> jobs;
  std::size_t bytes = 0;
};

struct DevicePlan {
  std::vector<Wave> waves;
  std::vector<std::size_t> too_large;  // jobs that need more than there is
};

/// As many jobs at a time as fit into `memory_bytes`, in their order.
DevicePlan plan_waves(std::span<const NetworkJob> jobs, std::size_t memory_bytes);

/// Errors: kUnsupported when the device's kernels cannot train the pool's networks (nn::cuda::Fleet::check).
Result<void> check_device_can_train(const Pool& pool);

/// One result per job; a wave that fails leaves the others' standing. `stop` is asked before every epoch.
/// Errors: kInterrupted (stopped; states are saved), kDeviceLost, kUnsupported (memory, shape), the stores'
/// own.
std::vector<Result<TrainedNetwork>> train_on_device(nn::cuda::Device& device,
                                                    std::span<const NetworkJob> jobs, const DevicePlan& plan,
                                                    const std::function<bool()>& stop);

}  // namespace mop::train
