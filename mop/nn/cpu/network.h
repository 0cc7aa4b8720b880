// The network on one CPU core in float, with Highway's vectors.
#pragma once
#include <functional>
#include <memory>
#include <span>

#include "mop/nn/param_layout.h"
#include "mop/nn/sequence_batch.h"

namespace mop::nn::cpu {

/// Some sequences of a batch, first..first+count-1, on their way through a training step.
struct TrainedRows {
  std::size_t first, count;
  std::span<const float> y;  // (S, count, outputs)
  std::span<float> dy;       // out, same shape: the gradient of the loss by y
};
using LossGradient = std::function<void(const TrainedRows&)>;

/// Holds buffers only, no weights: those come with every call. Buffers grow to the largest batch seen and
/// stay, so a step allocates nothing after the first of its size. Not thread-safe: one Network per thread.
///
/// Same inputs on the same instruction set give the same bytes, and the output of a sequence does not depend
/// on the size of the batch or its place in it: infer() and gradients() without dropout see the same bits.
class Network {
 public:
  /// REQUIRES: shape.validate() succeeds.
  explicit Network(const NetShape& shape);
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;
  ~Network();

  const ParamLayout& layout() const;

  /// Gradient of the batch's loss over all parameters; overwrites `grads`, which has the layout of params.
  /// Sequences go forward and backward a few at a time, so that what the backward pass needs of them is still
  /// in the caches; `loss` is called in between, with every sequence of the batch once, in order.
  void gradients(const SequenceBatch& batch, std::span<const float> params, const Dropout& dropout,
                 const LossGradient& loss, std::span<float> grads);

  /// y (S, B, outputs) without dropout, valid until the next call.
  std::span<const float> infer(const SequenceBatch& batch, std::span<const float> params);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::nn::cpu
