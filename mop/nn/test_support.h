// What several tests of this room share: random batches and the numbers PyTorch gave.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mop/nn/adam.h"
#include "mop/nn/cpu/network.h"
#include "mop/nn/param_layout.h"
#include "mop/nn/sequence_batch.h"

namespace mop::nn {

/// A batch that owns its data. view() borrows from it.
struct OwnedBatch {
  std::size_t batch, scored;
  std::vector<std::size_t> steps;                    // per branch
  std::vector<std::vector<float>> x;                 // per branch (T, B, I)
  std::vector<std::vector<std::int32_t>> read_step;  // per branch (S, B)

  SequenceBatch view() const;
  /// Sequence b alone.
  OwnedBatch sequence(std::size_t b) const;
};

/// Normal inputs; read steps anywhere, but the last position reads the last step.
OwnedBatch random_batch(const NetShape& shape, std::size_t batch, std::size_t scored,
                        std::vector<std::size_t> steps, std::uint64_t seed);

/// Normal numbers of standard deviation `scale`.
std::vector<float> random_values(std::size_t count, double scale, std::uint64_t seed);

struct TrainingStep {
  std::vector<float> y, grads;
};
/// What a training step on the loss sum(dy * y) sees and gives; dy is (S, B, outputs).
TrainingStep training_step(cpu::Network& network, const SequenceBatch& batch, std::span<const float> params,
                           std::span<const float> dy, const Dropout& dropout = {});

struct TorchCase {
  std::string name;
  NetShape shape;
  OwnedBatch batch;
  std::vector<float> params;  // in the layout's order
  std::vector<double> y, dy, grads;
};

struct TorchAdam {
  AdamOptions options;
  std::vector<double> start;
  std::vector<std::vector<double>> grads, params;  // per step
};

/// mop/nn/testdata/torch_lstm.json, made by tests/oracles/torch_lstm.py.
std::vector<TorchCase> torch_cases();
TorchAdam torch_adam();

}  // namespace mop::nn
