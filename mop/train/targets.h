// What a sequence's outputs are compared with.
#pragma once
#include <span>
#include <vector>

#include "mop/base/time.h"
#include "mop/dataset/sequences.h"
#include "mop/train/model.h"

namespace mop::train {

/// Mean losses over all (row, head) pairs of one or more batches.
struct LossSum {
  double pinball = 0.0;  // sum over pairs
  std::size_t pairs = 0;

  void add(const LossSum& other) {
    pinball += other.pinball;
    pairs += other.pairs;
  }
  double mean() const { return pairs > 0 ? pinball / static_cast<double>(pairs) : 0.0; }
};

/// Compares raw outputs with what happened, for targets that close before a limit, and says how the outputs
/// should change.
class Objective {
 public:
  /// Weight of the squared error of the standardised log-range beside the pinball loss.
  static constexpr double kRangeWeight = 0.1;

  /// Borrows both.
  Objective(const dataset::SequenceBuilder& builder, std::span<const BranchModel> heads);

  /// Loss of `y` (S, B, outputs) for the chunks' sequences. `dy`, when not empty, is overwritten with the
  /// gradient of the mean loss.
  LossSum loss(std::span<const dataset::Chunk> chunks, const dataset::Sequences& sequences, UnixMillis limit,
               std::span<const float> y, std::span<float> dy);

  /// ln(next log-range / sigma), floored where a candle did not move; NaN when it closes at or after `limit`.
  static double range_target(const dataset::SeriesData& data, std::size_t row, UnixMillis limit);

 private:
  struct Pair {
    std::size_t output, head, row;  // offset of the head's raw outputs in y; row of the head's own series
  };
  void collect_pairs(std::span<const dataset::Chunk> chunks, const dataset::Sequences& sequences,
                     UnixMillis limit);

  const dataset::SequenceBuilder& builder_;
  std::span<const BranchModel> heads_;
  std::size_t outputs_ = 0;           // of all heads
  std::vector<std::size_t> offsets_;  // of each head's raw outputs
  std::vector<Pair> pairs_;
  std::vector<double> z_;
  std::vector<float> scratch_;
};

}  // namespace mop::train
