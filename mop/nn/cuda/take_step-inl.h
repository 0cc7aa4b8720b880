// Takes a step's chunks: where their sequences begin, which states answer for which rows, and the sum of
// weights.
#pragma once
#include "mop/nn/cuda/tile-inl.h"

namespace mop::nn::cuda {

/// Row of a branch's table that belongs to row t of the first; negative: none.
MOP_KERNEL int branch_row(const PoolView& pool, int branch, int t) {
  return branch == 0 ? t : pool.joined[t];
}

/// The step at which a sequence knows row t in a branch, -1 when a hole lies between or it ends before.
MOP_KERNEL int step_of(const NetworkView& net, int branch, int first_row, int t) {
  const int row = branch_row(*net.pool, branch, t);
  const int step = row - first_row;
  const bool known = row >= 0 && step >= 0 && step < net.branches[branch].steps &&
                     net.pool->tables[branch].history[row] > step;
  return known ? step : -1;
}

/// One block per network.
struct TakeStep {
  static constexpr int kBlocksAtOnce = 1;  // on one multiprocessor, for the compiler's choice of registers
  static MOP_KERNEL int parts(const NetworkView&, const StepArgs&) { return 1; }
  static int shared_bytes(const StepArgs&) { return kThreads * static_cast<int>(sizeof(double)); }

  template <class Block>
  static MOP_KERNEL void run(Block& block, const StepArgs& args, const Share& share) {
    const NetworkView& net = share.net;
    const PassView& pass = pass_of(net, args.training);
    const ChunkView* chunks = pass.chunks + args.step * pass.batch;
    const int sequences = sequences_of(net, args);
    place_sequences(block, net, chunks, sequences);
    block.sync();
    double weight = 0.0, pairs = 0.0;
    for (int p = block.thread(); p < net.scored * net.batch_rows; p += kThreads) {
      const int s = p / net.batch_rows, b = p % net.batch_rows;
      const int t = b < sequences && s < chunks[b].count ? chunks[b].first + s : -1;
      const bool usable = t >= 0 && place_row(net, p, b, t);
      net.target_row[p] = usable ? t : -1;
      if (!usable) {
        for (int branch = 0; branch < net.branch_count; ++branch)
          net.branches[branch].read_step[p] = -1;
        continue;
      }
      for (int head = 0; head < net.branch_count; ++head) {
        const HeadView& view = net.pool->heads[head];
        const float own = view.targets[static_cast<std::int64_t>(t) * (view.horizon + 2) + view.horizon + 1];
        weight += static_cast<double>(own);
        pairs += own > 0.0f ? 1.0 : 0.0;
      }
    }
    auto* work = reinterpret_cast<double*>(block.shared());
    weight = sum_of_threads(block, weight, work);
    pairs = sum_of_threads(block, pairs, work);
    if (block.thread() == 0) {
      *net.weight_sum = weight;
      *net.pair_count = static_cast<std::int32_t>(pairs);
    }
    invert_reads(block, net);
  }

 private:
  template <class Block>
  static MOP_KERNEL void place_sequences(Block& block, const NetworkView& net, const ChunkView* chunks,
                                         int sequences) {
    for (int i = block.thread(); i < net.branch_count * net.batch_rows; i += kThreads) {
      const int branch = i / net.batch_rows, b = i % net.batch_rows;
      net.branches[branch].first_row[b] =
          b < sequences ? branch_row(*net.pool, branch, chunks[b].first) - net.lookback + 1 : -1;
    }
  }

  // False when a branch has a hole there.
  static MOP_KERNEL bool place_row(const NetworkView& net, int p, int b, int t) {
    bool usable = true;
    for (int branch = 0; branch < net.branch_count; ++branch) {
      const int step = step_of(net, branch, net.branches[branch].first_row[b], t);
      net.branches[branch].read_step[p] = step;
      usable = usable && step >= 0;
    }
    return usable;
  }

  // The positions that read each step, for the way back. Positions read ever later steps.
  template <class Block>
  static MOP_KERNEL void invert_reads(Block& block, const NetworkView& net) {
    for (int branch = 0; branch < net.branch_count; ++branch) {
      const BranchView& view = net.branches[branch];
      for (int i = block.thread(); i < view.steps * net.batch_rows; i += kThreads)
        view.read_by[i] = {0, -1};
    }
    block.sync();
    const int positions = net.scored * net.batch_rows;
    for (int i = block.thread(); i < net.branch_count * positions; i += kThreads) {
      const BranchView& view = net.branches[i / positions];
      const int p = i % positions, step = view.read_step[p], b = p % net.batch_rows;
      if (step < 0) continue;
      int next = p + net.batch_rows;  // the sequence's next position that reads anything
      while (next < positions && view.read_step[next] < 0)
        next += net.batch_rows;
      if (next < positions && view.read_step[next] == step) continue;  // is not the last that reads it
      int first = p;
      for (int before = p; before >= 0 && (view.read_step[before] < 0 || view.read_step[before] == step);
           before -= net.batch_rows)
        first = view.read_step[before] == step ? before : first;
      view.read_by[step * net.batch_rows + b] = {static_cast<std::int16_t>(first / net.batch_rows),
                                                 static_cast<std::int16_t>(p / net.batch_rows)};
    }
  }
};

}  // namespace mop::nn::cuda
