// What the kernels share. They are templates over a Block, which is the hardware on a device (cuda_device.cu)
// and a set of fibers in tests (emulated_device.h), so that the very kernels that run on a GPU are tested
// without one:
//
//   int index(), thread()              which block of the grid, which of its kThreads threads
//   float* shared()                    the block's shared memory, aligned for a Quad
//   void sync()                        all threads of the block
//   void load_rows(a, matrix, stride)  the first operand of a product: 16 rows and 8 columns of
//                                      shared memory, aligned for a Quad; no bank is hit twice
//                                      if stride % 8 == 4
//   void mma(d, a, b)                  d += a * b, a warp's 16x8 += 16x8 * 8x8 product of operands
//   void finish_products()             before the warp's sums d are read
//   float operand(x)                   x as a product takes it: rounded to tf32
//   uint32 exchange(x)                 the x of the lane beside it
//   void copy(to, from, present)       a Quad into shared memory, in the background; zeros if not present
//   void copy_word(to, from)           four bytes, likewise
//   void close_group()                 the copies since the last one are a group
//   void wait(keep)                    for this thread's copies but those of the newest `keep` groups
//   void store(to, value)              a Quad or a Pair into device memory
//   float exp(x), divide(a, b)         as fast as they are accurate to a few units in the last place
#pragma once
#include "mop/nn/cuda/views.h"

namespace mop::nn::cuda {

template <class Block>
MOP_KERNEL int lane_of(const Block& block) {
  return block.thread() % kLanes;
}
template <class Block>
MOP_KERNEL int warp_of(const Block& block) {
  return block.thread() / kLanes;
}

/// Cell e (0..3) of a thread's quad: its sequence within the tile, and its unit.
template <class Block>
MOP_KERNEL int cell_row(const Block& block, int e) {
  return lane_of(block) / 4 + 8 * (e / 2);
}
template <class Block>
MOP_KERNEL int cell_unit(const Block& block, int e) {
  return 8 * warp_of(block) + 2 * (lane_of(block) % 4) + e % 2;
}

/// Threads that copy one row of inputs, a quad at a time.
inline constexpr int kRowLanes = 16;

/// Which row of the second operand of product k a thread has as its element j (0, 1).
template <class Block>
MOP_KERNEL int operand_row(const Block& block, int k, int j) {
  return 8 * k + lane_of(block) % 4 + 4 * j;
}

/// A thread's two cells of one sequence.
MOP_KERNEL Pair pair_of(const Quad& cells, int half) {
  return {{cells.v[2 * half], cells.v[2 * half + 1]}};
}

/// A weight as an operand, 0 where there is none. Reads in any case: loads behind a branch would wait for
/// each other.
template <class Block>
MOP_KERNEL float load_weight(const Block& block, const float* weights, bool there, int at) {
  const float weight = block.operand(weights[there ? at : 0]);
  return there ? weight : 0.0f;
}

template <class Block>
MOP_KERNEL float sigmoid(const Block& block, float x) {
  return block.divide(1.0f, 1.0f + block.exp(-x));
}

/// From e^2x, of which only the distance to 1 is lost near zero: within 1e-7 of the value, not relative to
/// it.
template <class Block>
MOP_KERNEL float tanh(const Block& block, float x) {
  return 1.0f - block.divide(2.0f, 1.0f + block.exp(2.0f * x));
}

/// Ten rounds of Philox 4x32 (mop/base/rng.h) on a counter block, in place.
MOP_KERNEL void philox_block(std::uint64_t key, std::uint32_t (&c)[4]) {
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0], p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    const std::uint32_t c1 = c[1], c3 = c[3];
    c[0] = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c[1] = static_cast<std::uint32_t>(p1);
    c[2] = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c[3] = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

/// Dropout of one training step of a network (nn/sequence_batch.h has the rule).
struct DropoutRule {
  std::uint64_t key, counter;
  std::uint32_t threshold;
  float kept;  // 0: no dropout
};

/// The sequences that a block takes through time in one branch. What steps need lies in registers: behind a
/// pointer it would be read again after every store.
struct TimePlace {
  const NetworkView& net;
  const BranchView& view;
  int branch, first_row, tiles, batch_rows, steps;
  DropoutRule dropout;
  bool training;

  /// Tiles from one step to the next in private order, and the first tile's place.
  MOP_KERNEL int step_tiles() const { return batch_rows / kTileRows; }
  MOP_KERNEL int first_tile() const { return first_row / kTileRows; }
};
MOP_KERNEL TimePlace time_place(const StepArgs& args, const Share& share) {
  const NetworkView& net = share.net;
  const int branch = share.part % net.branch_count;
  const int first = share.part / net.branch_count * args.tiles * kTileRows;
  const int left = (net.batch_rows - first) / kTileRows;
  const int tiles = left < args.tiles ? left : args.tiles;
  const DropoutRule dropout{net.dropout_key, net.dropout_counter + static_cast<std::uint64_t>(args.step),
                            net.dropout_threshold, net.dropout_kept};
  const BranchView& view = net.branches[branch];
  return {net, view, branch, first, tiles, net.batch_rows, view.steps, dropout, args.training};
}

/// Dropout's factors for a thread's four cells, at one step of one tile.
struct DropoutPlace {
  int branch, layer, step, first_sequence;
};
template <class Block>
MOP_KERNEL Quad dropout_quad(const Block& block, const DropoutRule& rule, const DropoutPlace& at) {
  // Four units share a block of random words, two lanes have them: each lane makes the block of one sequence.
  const int unit = cell_unit(block, 0);
  const bool upper = unit % 4 != 0;
  const int sequence = at.first_sequence + cell_row(block, upper ? 2 : 0);
  std::uint32_t c[4] = {static_cast<std::uint32_t>(unit / 4 | at.branch << 16 | at.layer << 24),
                        static_cast<std::uint32_t>(at.step | sequence << 16),
                        static_cast<std::uint32_t>(rule.counter),
                        static_cast<std::uint32_t>(rule.counter >> 32)};
  philox_block(rule.key, c);
  const std::uint32_t first = block.exchange(upper ? c[0] : c[2]),
                      second = block.exchange(upper ? c[1] : c[3]);
  const std::uint32_t words[4] = {upper ? first : c[0], upper ? second : c[1], upper ? c[2] : first,
                                  upper ? c[3] : second};
  Quad factors;
  MOP_UNROLL
  for (int e = 0; e < 4; ++e)
    factors.v[e] = words[e] < rule.threshold ? 0.0f : rule.kept;
  return factors;
}

/// The sum of every thread's value, in the same order always; `work` is shared memory for kThreads doubles.
template <class Block>
MOP_KERNEL double sum_of_threads(Block& block, double value, double* work) {
  block.sync();
  work[block.thread()] = value;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    block.sync();
    if (block.thread() < half) work[block.thread()] += work[block.thread() + half];
  }
  block.sync();
  return work[0];
}

}  // namespace mop::nn::cuda
