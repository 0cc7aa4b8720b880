// The optimiser.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mop::nn {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.0;  // decoupled (AdamW): each step first shrinks weights by lr * weight_decay
};

/// What a resumed training needs besides the weights.
struct AdamState {
  std::uint64_t steps = 0;
  std::vector<float> mean, square;  // running means of the gradient and of its square, one per parameter
};

/// Adam (Kingma and Ba, ICLR 2015) with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), PyTorch's
/// arithmetic: p -= lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps).
class Adam {
 public:
  Adam(std::size_t params, const AdamOptions& options);
  /// Goes on where a state left off.
  Adam(AdamState state, const AdamOptions& options);

  /// One update with learning rate `lr`. REQUIRES: both spans have one value per parameter.
  void step(std::span<float> params, std::span<const float> grads, double lr);
  /// One update with the learning rate of the options.
  void step(std::span<float> params, std::span<const float> grads) { step(params, grads, options_.lr); }

  const AdamState& state() const { return state_; }

 private:
  AdamOptions options_;
  AdamState state_;
};

/// Scales the gradient down to `max_norm` when its Euclidean norm is above it; returns the norm it had. The
/// sum is taken in double, always in the same order. A gradient with NaN is left as it is and the norm is
/// NaN.
double clip_gradient(std::span<float> grads, double max_norm);

}  // namespace mop::nn
