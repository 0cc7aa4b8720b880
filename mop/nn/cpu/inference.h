// Forecasts without a training network: weights packed once, buffers that serve models of any shape.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "mop/nn/cpu/aligned_buffer.h"
#include "mop/nn/cpu/lstm_layer.h"
#include "mop/nn/param_layout.h"
#include "mop/nn/sequence_batch.h"

namespace mop::nn::cpu {

/// A network's weights in the order the forward pass reads them on this machine's instruction set. Holds no
/// reference to the parameters it was made of. Threads may read one object at a time together.
class PreparedWeights {
 public:
  /// Weights to be set by update(). REQUIRES: shape.validate() succeeds.
  explicit PreparedWeights(const NetShape& shape);
  /// REQUIRES: params has one value per parameter of the shape's layout.
  PreparedWeights(const NetShape& shape, std::span<const float> params);

  /// Takes other parameters of the same layout; allocates nothing after the first time.
  void update(std::span<const float> params);

  const NetShape& shape() const { return layout_.shape(); }
  PackedWeights layer(std::size_t branch, std::size_t layer) const;
  /// What a forecast of few rows reads of a layer; empty for a branch that does not exist.
  std::span<const float> of_few_rows(std::size_t branch, std::size_t layer) const;
  const float* head() const { return head_.data(); }
  std::size_t bytes() const;  // of the packed weights

 private:
  struct Layer {
    std::size_t inputs = 0;  // of which there are weights
    bool bf16 = false;       // the state's weights are, and lie there twice
    AlignedBuffer packed;    // of the inputs, of the state in 16 bits, of the state
  };

  ParamLayout layout_;
  std::vector<Layer> layers_;  // (branches, layers)
  AlignedBuffer head_;
};

/// One model's part of a call for many.
struct InferenceJob {
  const PreparedWeights* weights;
  const SequenceBatch* batch;
  std::span<float> y;  // out (S, B, outputs)
};

/// The sequences of a branch whose rows are known, each once: neighbouring 15m windows of a unified model,
/// say, look at the same hours.
struct DistinctWindows {
  std::vector<std::size_t> place_of;  // (B) -> 0..count-1
  std::vector<std::size_t> first;     // (count): a sequence of the batch that is this window
  std::vector<std::int32_t> row_of;   // (T, count)

  /// REQUIRES: of.row_of is (T, batch).
  void find(const SequenceBatch::Branch& of, std::size_t batch);
  std::size_t count() const { return first.size(); }
};

/// Some steps of one branch, of as many sequences.
struct BranchSteps {
  std::size_t branch, steps, rows;
  const float* x;               // (steps, rows, inputs)
  const float* from = nullptr;  // (rows, state_size()) to go on from; null: the beginning
};
/// Floats that one sequence's layers of one branch carry from step to step: (layers, h and c, hidden).
std::size_t state_size(const NetShape& shape);

/// Work space only, grown to the largest batch seen, so that a forecast allocates nothing after the first of
/// its size. Not thread-safe: one per thread. The same bytes as Network::infer() and as Network::gradients()
/// sees without dropout, whatever ran before.
class Inference {
 public:
  /// y (S, B, outputs), valid until the next call. REQUIRES: the batch fits weights.shape().
  std::span<const float> run(const PreparedWeights& weights, const SequenceBatch& batch);

  /// All jobs one after the other, e.g. every model at one candle close.
  /// REQUIRES: each y has room for exactly its outputs.
  void run_all(std::span<const InferenceJob> jobs);

  /// Leaves where the layers stand after the steps in `to` (rows, state_size()); may be what they went on
  /// from. Many steps at once and one after the other give the same bytes.
  void advance(const PreparedWeights& weights, const BranchSteps& steps, float* to);
  /// y (rows, outputs) of sequences whose branches stand at `states` (branches, rows, state_size()), valid
  /// until the next call: the same bytes as run() of the steps they took.
  std::span<const float> finish(const PreparedWeights& weights, std::span<const float* const> states,
                                std::size_t rows);

 private:
  struct Run {
    const PreparedWeights& weights;
    const SequenceBatch& batch;
    const PreparedWeights* next;  // whose turn is next, or null
  };
  void run_branch(const Run& run, std::size_t branch, std::size_t first, std::size_t rows);
  void run_windows(const Run& run, std::size_t branch);
  const float* run_layers(const Run& run, std::size_t branch, LstmForwardArgs args);
  void run(const Run& run, float* y);

  AlignedBuffer gates_, c_, h_[2];  // of one layer; h of two layers in turn
  AlignedBuffer h0_, c0_;           // what a layer goes on from
  AlignedBuffer read_, y_;          // (S, B, padded head inputs): what the head reads
  AlignedBuffer rows_, products_;   // of rows that several windows share
  DistinctWindows windows_;
};

/// Sequences first..first+rows-1 of a branch; `place_of` (rows) says where in h each one's states are, empty:
/// in their order.
struct BranchRows {
  const SequenceBatch& batch;
  std::size_t branch, first, rows;
  std::span<const std::size_t> place_of = {};
  std::size_t places = rows;  // of h
};

/// Puts every distinct row of a branch into `rows` (distinct, inputs) once. REQUIRES: of.row_of is known.
void gather_distinct_rows(const SequenceBatch::Branch& of, std::size_t inputs, float* rows);

/// Copies the top hidden states that the head reads; h is (steps, places, padded(hidden)), `read` is
/// (S, B, read_row).
void copy_read_states(const BranchRows& of, std::size_t hidden, const float* h, float* read,
                      std::size_t read_row);

}  // namespace mop::nn::cpu
