// Where kernels run: a GPU, or in tests the same kernels on fibers.
#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "mop/base/result.h"

namespace mop::nn::cuda {

struct StepArgs;

/// The parts of a training step, in their order; validation does without those from kBackward on but
/// kFinishLoss.
enum class Kernel { kTakeStep, kForward, kHeadLoss, kBackward, kWeightGradients, kFinishLoss, kUpdate };

struct DeviceInfo {
  std::string name;          // "NVIDIA H200"
  std::size_t memory_bytes;  // in all
  std::size_t free_bytes;    // when it was opened
  int compute_major, compute_minor;
  int driver_version;  // of CUDA that the driver knows: 13000 is 13.0
  int multiprocessors;
  std::size_t shared_bytes;  // that one block may have
};

/// Memory and launches of one device. Work is done in the order it is asked for; the first thing that goes
/// wrong is kept and every later wait() tells it. Not thread-safe.
class Device {
 public:
  virtual ~Device() = default;

  virtual const DeviceInfo& info() const = 0;
  /// Errors: kUnsupported when there is not as much.
  virtual Result<void*> allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) = 0;
  virtual void upload(void* to, const void* from, std::size_t bytes) = 0;
  virtual void download(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;  // within the device
  virtual void clear(void* memory, std::size_t bytes) = 0;
  /// `args.parts` blocks for each of the first `networks` networks.
  virtual void launch(Kernel kernel, const StepArgs& args, std::size_t networks) = 0;
  /// Errors: kDeviceLost (also when a kernel failed).
  virtual Result<void> wait() = 0;
  /// x as products take it (rounded to tf32 on a GPU).
  virtual float operand(float x) const = 0;
};

/// The first CUDA device. Errors: kUnsupported when this build has no CUDA or the machine no such device.
Result<DeviceInfo> find_gpu();
Result<std::unique_ptr<Device>> open_gpu();

}  // namespace mop::nn::cuda
