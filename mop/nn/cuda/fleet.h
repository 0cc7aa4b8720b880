// Networks in training side by side on a device: their memory, and their steps. Knows rows and targets, no
// markets.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "mop/base/result.h"
#include "mop/nn/adam.h"
#include "mop/nn/cuda/device.h"
#include "mop/nn/quantile_head.h"
#include "mop/nn/shapes.h"

namespace mop::nn::cuda {

/// What several networks read: rows of all members one behind the other, per branch, and what their outputs
/// are compared with, by rows of the first branch.
struct PoolData {
  struct Table {
    std::size_t inputs = 0;
    std::vector<float> rows;            // (n, inputs), zeros where a row is not usable
    std::vector<std::int32_t> history;  // (n): consecutive usable rows that end here
  };
  struct Head {
    std::vector<float> targets;  // (n, horizon + 2): z per step, standardised log-range, weight (views.h)
    std::vector<QuantileHead> members;  // of one horizon and the same levels, each with its base quantiles
  };
  std::vector<Table> tables;         // 1 or 2
  std::vector<std::int32_t> joined;  // with two tables: the second's row of each of the first's, -1: none
  std::vector<Head> heads;           // as many as tables
  double range_weight = 0.0;         // of the squared error of the log-range beside the pinball loss
};

/// What its memory depends on.
struct PoolSize {
  struct Branch {
    std::size_t rows, inputs, horizon, levels;
  };
  std::vector<Branch> branches;
  std::size_t members = 0;
};
PoolSize size_of(const PoolData& pool);

/// A sequence's rows [first, first + count) of the first table whose targets are taken; it begins lookback -
/// 1 rows earlier.
struct Chunk {
  std::int32_t first, count, member;
};

struct NetworkData {
  std::size_t pool = 0;
  NetShape shape;
  std::vector<std::size_t> steps;                   // of a sequence, per branch
  std::size_t lookback = 1, scored = 1, batch = 1;  // batch: sequences of a training step
  std::size_t most_chunks = 0;                      // of an epoch's fit or validation
  double weight_decay = 0.0, gradient_clip = 1.0;
  float dropout = 0.0f;
  std::uint64_t dropout_key = 0;
};

struct NetworkState {
  std::vector<float> params;
  AdamState adam;
};

/// Sums over the (row, head) pairs of one chunk.
struct ChunkLoss {
  double loss;
  std::int32_t pairs;
};

class Fleet {
 public:
  explicit Fleet(Device& device);
  Fleet(const Fleet&) = delete;
  ~Fleet();

  /// Errors: kUnsupported, naming what the kernels cannot take.
  static Result<void> check(const NetShape& shape, std::size_t levels);
  /// Device memory that one would take.
  static std::size_t bytes_of(const PoolSize& pool);
  static std::size_t bytes_of(const NetworkData& network);

  /// Errors: kUnsupported (memory). REQUIRES: check().
  Result<std::size_t> add_pool(const PoolData& pool);
  /// `best`: the parameters that best() gives until others are kept.
  Result<std::size_t> add_network(const NetworkData& network, const NetworkState& state,
                                  std::span<const float> best);

  /// After the last network, before the first pass. Errors: kUnsupported (memory).
  Result<void> start();
  /// The next epoch of a network; without chunks it rests. One rate per step; dropout counts on from
  /// `counter`.
  void set_fit(std::size_t network, std::span<const Chunk> chunks, std::span<const double> rates,
               std::uint64_t counter);
  void set_validation(std::size_t network, std::span<const Chunk> chunks);
  /// All networks' steps. A network whose loss is not a number stops there. Errors: kDeviceLost.
  Result<void> train();
  Result<void> validate();

  /// Of the last train() or validate(), per chunk; zeros behind the step at which a network stopped.
  std::vector<ChunkLoss> fit_losses(std::size_t network) const;
  std::vector<ChunkLoss> validation_losses(std::size_t network) const;
  NetworkState state(std::size_t network) const;
  /// Of the last step, before clipping.
  std::vector<float> gradients(std::size_t network) const;
  /// Keeps the parameters as they are; best() gives those last kept.
  void keep_best(std::size_t network);
  std::vector<float> best(std::size_t network) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::nn::cuda
