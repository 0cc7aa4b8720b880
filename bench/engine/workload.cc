#include "workload.h"

#include <algorithm>

#include "mop/base/rng.h"
#include "mop/nn/bf16.h"

namespace mop::bench {
namespace {

constexpr std::size_t kInputs = 42, kHidden = 64, kLayers = 2, kCoins = 25;

std::vector<float> normals(std::size_t count, double scale, std::uint64_t seed) {
  Rng rng(seed, 1);
  std::vector<float> out(count);
  for (float& value : out)
    value = static_cast<float>(scale * rng.normal());
  return out;
}

}  // namespace

nn::NetShape v1_shape(std::size_t branches) {
  nn::NetShape shape{{{"lstm_15m", kInputs}, {"lstm_1h", kInputs}}, kHidden, kLayers, branches * kOutputs};
  if (branches == 1) shape.branches = {{"lstm", kInputs}};
  return shape;
}

double v1_step_gflop() {
  double products =
      0.0;  // multiply-adds per sequence and step: forward, weight gradient, state and input gradient
  for (std::size_t l = 0; l < kLayers; ++l) {
    const std::size_t inputs = l == 0 ? kInputs : kHidden;
    const double weights = 4.0 * kHidden * static_cast<double>(inputs + kHidden);
    products += 2.0 * weights + 4.0 * kHidden * static_cast<double>(kHidden + (l == 0 ? 0 : inputs));
  }
  return 2.0 * products * kBatch * kSteps * 1e-9;
}

Windows::Windows(const nn::NetShape& shape, std::size_t count, std::uint64_t seed)
    : x(kSteps * count * kInputs),
      read_step(count, static_cast<std::int32_t>(kSteps - 1)),
      row_of(kSteps * count),
      batch{count, 1, {}} {
  const auto series = normals(kRows * kInputs, 1.0, seed);
  Rng rng(seed, 2);
  for (std::size_t b = 0; b < count; ++b) {
    const std::size_t start = rng.below(kRows - kSteps + 1);
    for (std::size_t t = 0; t < kSteps; ++t) {
      const std::size_t place = t * count + b;
      row_of[place] = static_cast<std::int32_t>(start + t);
      std::copy_n(&series[(start + t) * kInputs], kInputs, &x[place * kInputs]);
    }
  }
  for (std::size_t b = 0; b < shape.branches.size(); ++b)
    batch.branches.push_back({kSteps, x, read_step, row_of, kRows});
}

std::vector<float> random_params(const nn::NetShape& shape, std::uint64_t seed) {
  const nn::ParamLayout layout(shape);
  std::vector<float> params = normals(layout.size(), 0.1, seed);
  nn::round_recurrent_weights(layout, params);
  return params;
}

TrainStep::TrainStep(std::uint64_t seed)
    : network_(v1_shape()),
      windows_(v1_shape(), kBatch, seed),
      params_(random_params(v1_shape(), seed)),
      grads_(params_.size()),
      adam_(params_.size(), {.lr = 0.005}) {}

void TrainStep::step() {
  const auto squared_error = [](const nn::cpu::TrainedRows& rows) {  // targets are zero
    for (std::size_t i = 0; i < rows.y.size(); ++i)
      rows.dy[i] = 2.0f * rows.y[i] / static_cast<float>(kBatch * kOutputs);
  };
  network_.gradients(windows_.batch, params_, {0.3f, 1, counter_++}, squared_error, grads_);
  nn::clip_gradient(grads_, 1.0);
  adam_.step(params_, grads_);
}

CandleClose::CandleClose() {
  windows_.reserve(3 * kCoins);  // jobs point into them
  weights_.reserve(3 * kCoins);
  for (std::size_t i = 0; i < 3 * kCoins; ++i) {
    const nn::NetShape shape = v1_shape(i / kCoins == 2 ? 2 : 1);
    weights_.emplace_back(shape, random_params(shape, i));
    windows_.emplace_back(shape, 1, i);
    y_.emplace_back(shape.outputs);
  }
  for (std::size_t i = 0; i < weights_.size(); ++i)
    jobs_.push_back({&weights_[i], &windows_[i].batch, y_[i]});
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const std::size_t size = nn::cpu::state_size(weights_[i].shape());
    before_.emplace_back();
    for (std::size_t b = 0; b < weights_[i].shape().branches.size(); ++b) {
      before_[i].emplace_back(size);
      inference_.advance(weights_[i], {b, kSteps - 1, 1, windows_[i].x.data()}, before_[i][b].data());
    }
    now_.resize(2, std::vector<float>(size));
  }
}

void CandleClose::forecast() {
  inference_.run_all(jobs_);
}

void CandleClose::forecast_from_candle_before() {
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const std::size_t branches = before_[i].size();
    const float* last = windows_[i].x.data() + (kSteps - 1) * kInputs;
    const float* states[2] = {};
    for (std::size_t b = 0; b < branches; ++b) {
      inference_.advance(weights_[i], {b, 1, 1, last, before_[i][b].data()}, now_[b].data());
      states[b] = now_[b].data();
    }
    const auto y = inference_.finish(weights_[i], std::span(states, branches), 1);
    std::ranges::copy(y, y_[i].begin());
  }
}

std::size_t CandleClose::weight_bytes() const {
  std::size_t bytes = 0;
  for (const auto& weights : weights_)
    bytes += weights.bytes();
  return bytes;
}

}  // namespace mop::bench
