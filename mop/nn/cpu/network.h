// The network on one CPU core in float, with Highway's vectors.
#pragma once
#include <memory>
#include <span>

#include "mop/nn/param_layout.h"
#include "mop/nn/sequence_batch.h"

namespace mop::nn::cpu {

/// Holds buffers only, no weights: those come with every call. Buffers grow to the largest batch seen and
/// stay, so a step allocates nothing after the first of its size. Not thread-safe: one Network per thread.
///
/// Same inputs on the same instruction set give the same bytes, and the output of a sequence does not depend
/// on the size of the batch or its place in it: infer() and forward() without dropout are bit-equal too.
class Network {
 public:
  /// REQUIRES: shape.validate() succeeds.
  explicit Network(const NetShape& shape);
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;
  ~Network();

  const ParamLayout& layout() const;

  /// y (S, B, outputs), valid until the next call. Keeps what backward() needs.
  std::span<const float> forward(const SequenceBatch& batch, std::span<const float> params,
                                 const Dropout& dropout = {});

  /// Gradient of sum(dy * y) over all parameters; overwrites `grads`, which has the layout of params.
  /// REQUIRES: the last call was forward() with the same batch and params (it uses up what that kept).
  void backward(const SequenceBatch& batch, std::span<const float> params, std::span<const float> dy,
                std::span<float> grads);

  /// y (S, B, outputs) without dropout, valid until the next call; keeps nothing for backward().
  std::span<const float> infer(const SequenceBatch& batch, std::span<const float> params);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::nn::cpu
