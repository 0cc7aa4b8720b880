// The work both sides of the bench do: the original description's network on random numbers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mop/nn/adam.h"
#include "mop/nn/cpu/inference.h"
#include "mop/nn/cpu/network.h"

namespace mop::bench {

inline constexpr std::size_t kSteps = 60, kBatch = 64, kOutputs = 11;
inline constexpr std::size_t kRows =
    800;  // of 1000 candles: those that have all indicators and are no validation

/// 42 inputs, 2 layers of 64 units, 11 outputs; `branches` 2 for a unified model.
nn::NetShape v1_shape(std::size_t branches = 1);

/// Multiply-adds of one training step counted as two operations each: products only, and no gradient of the
/// first layer's inputs, which nobody needs.
double v1_step_gflop();

/// Windows of kSteps steps that own their numbers, drawn from kRows rows of a series as training draws them.
struct Windows {
  Windows(const nn::NetShape& shape, std::size_t count, std::uint64_t seed);

  std::vector<float> x;
  std::vector<std::int32_t> read_step, row_of;
  nn::SequenceBatch batch;  // views of those above
};

/// As a training leaves them.
std::vector<float> random_params(const nn::NetShape& shape, std::uint64_t seed);

/// One model and one batch; step() is a whole training step: forward with dropout 0.3, mean squared error,
/// backward, clipping, Adam.
class TrainStep {
 public:
  explicit TrainStep(std::uint64_t seed);
  void step();

 private:
  nn::cpu::Network network_;
  Windows windows_;
  std::vector<float> params_, grads_;
  nn::Adam adam_;
  std::uint64_t counter_ = 0;
};

/// The fleet at one candle close: 25 models of 15m, 25 of 1h, 25 that read both, one window each.
class CandleClose {
 public:
  CandleClose();
  void forecast();
  /// The same numbers when every window was run up to the candle before, as `mop serve` does between closes:
  /// one step of each network.
  void forecast_from_candle_before();
  /// Packed weights of all models and nothing else.
  std::size_t weight_bytes() const;

 private:
  std::vector<nn::cpu::PreparedWeights> weights_;
  std::vector<Windows> windows_;
  std::vector<std::vector<float>> y_;
  std::vector<nn::cpu::InferenceJob> jobs_;
  nn::cpu::Inference inference_;
  std::vector<std::vector<std::vector<float>>> before_;  // per model and branch: its state
  std::vector<std::vector<float>> now_;                  // per branch
};

}  // namespace mop::bench
