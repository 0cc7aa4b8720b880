#include "mop/nn/adam.h"

#include <cmath>
#include <iterator>
#include <numeric>

#include "mop/base/check.h"

namespace mop::nn {

Adam::Adam(std::size_t params, const AdamOptions& options) : options_(options) {
  state_.mean.assign(params, 0.0f);
  state_.square.assign(params, 0.0f);
}

Adam::Adam(AdamState state, const AdamOptions& options) : options_(options), state_(std::move(state)) {
  MOP_CHECK(state_.mean.size() == state_.square.size()) << "moments of different size";
}

void Adam::step(std::span<float> params, std::span<const float> grads, double lr) {
  const std::size_t n = state_.mean.size();
  MOP_CHECK(params.size() == n && grads.size() == n) << params.size() << ", " << grads.size() << ", " << n;
  ++state_.steps;
  const auto t = static_cast<double>(state_.steps);
  const double correction1 = 1.0 - std::pow(options_.beta1, t);
  const double correction2 = 1.0 - std::pow(options_.beta2, t);
  const auto beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
  const auto rest1 = static_cast<float>(1.0 - options_.beta1),
             rest2 = static_cast<float>(1.0 - options_.beta2);
  const auto rate = static_cast<float>(lr / correction1);
  const auto root = static_cast<float>(1.0 / std::sqrt(correction2));
  const auto eps = static_cast<float>(options_.eps);
  const auto keep = static_cast<float>(1.0 - lr * options_.weight_decay);
  float* const mean = state_.mean.data();
  float* const square = state_.square.data();
  for (std::size_t i = 0; i < n; ++i) {  // plain arithmetic only, so that the compiler vectorises it
    const float g = grads[i];
    mean[i] = beta1 * mean[i] + rest1 * g;
    square[i] = beta2 * square[i] + rest2 * g * g;
    params[i] = keep * params[i] - rate * mean[i] / (std::sqrt(square[i]) * root + eps);
  }
}

double clip_gradient(std::span<float> grads, double max_norm) {
  // Eight chains: additions one after the other would take several cycles each.
  constexpr std::size_t kChains = 8;
  double sums[kChains] = {};
  const std::size_t whole = grads.size() / kChains * kChains;
  for (std::size_t i = 0; i < whole; i += kChains) {
    for (std::size_t j = 0; j < kChains; ++j) {
      const auto g = static_cast<double>(grads[i + j]);
      sums[j] += g * g;
    }
  }
  for (std::size_t i = whole; i < grads.size(); ++i)
    sums[i - whole] += static_cast<double>(grads[i]) * static_cast<double>(grads[i]);
  const double norm = std::sqrt(std::accumulate(std::begin(sums), std::end(sums), 0.0));
  if (norm > max_norm) {
    const auto scale = static_cast<float>(max_norm / norm);
    for (float& g : grads)
      g *= scale;
  }
  return norm;
}

}  // namespace mop::nn
