// What a sequence's outputs are compared with.
#pragma once
#include <span>
#include <vector>

#include "mop/base/time.h"
#include "mop/dataset/sequences.h"
#include "mop/train/preparation.h"

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

  /// Borrows the members, which share one shape of network. With a half-life, a candle that closed this long
  /// before the limit of loss() weighs half of one that closed at it; 0 gives all the same weight.
  explicit Objective(std::span<const Member> members, double half_life_days = 0.0);

  /// Takes the chunks' sequences to be the batch; returns how many (row, head) pairs of it have a target.
  std::size_t take(std::span<const MemberChunk> chunks, const dataset::Sequences& sequences,
                   UnixMillis limit);

  /// Loss of `y` (S, count, outputs) of the batch's sequences first..first+count-1, every row counted the
  /// same. `dy`, when not empty, is overwritten with the gradient of the whole batch's weighted mean loss.
  LossSum loss(std::size_t first, std::size_t count, std::span<const float> y, std::span<float> dy);

  /// The same of all its sequences at once.
  LossSum loss(std::span<const MemberChunk> chunks, const dataset::Sequences& sequences, UnixMillis limit,
               std::span<const float> y, std::span<float> dy);

  /// ln(next log-range / sigma), floored where a candle did not move; NaN when it closes at or after `limit`.
  static double range_target(const dataset::SeriesData& data, std::size_t row, UnixMillis limit);
  /// Of a candle that closed then, before loss() makes the weights of a batch sum to 1.
  double weight_of(UnixMillis close, UnixMillis limit) const;

 private:
  struct Pair {
    std::size_t position, sequence;  // s and b of (S, B)
    std::size_t member, head, row;
    double weight;  // in the gradient; they sum to 1
  };
  double loss_of(const Pair& pair, std::span<const float> y, std::span<float> dy);

  std::span<const Member> members_;
  double half_life_days_;
  std::size_t outputs_ = 0;           // of all heads
  std::vector<std::size_t> offsets_;  // of each head's raw outputs
  std::size_t scored_ = 0;            // S of the batch
  UnixMillis limit_{};
  std::vector<Pair> pairs_;
  std::vector<double> z_;
  std::vector<float> scratch_;
};

}  // namespace mop::train
