// What the kernels share. They are templates over a Block, which is the hardware on a device (cuda_device.cu)
// and a set of fibers in tests (emulated_device.h), so that the very kernels that run on a GPU are tested
// without one:
//
//   int index(), thread()                       which block of the grid, which of its kThreads threads
//   float* shared()                             the block's shared memory, aligned for a Quad
//   void sync()                                 all threads of the block
//   void mma(d, a, b)                           d += a * b, a warp's 16x8 += 16x8 * 8x8 product of operands
//   void finish_products()                      before the warp's sums d are read
//   float operand(x)                            x as a product takes it: rounded to tf32
//   void copy(to, from, present)                a Quad into shared memory, in the background; zeros if not
//   present void wait()                                 for this thread's copies but those of the newest
//   `keep` groups void close_group()                          the copies since the last one are a group float
//   exp(x), divide(a, b)                  as fast as they are accurate to a few units in the last place
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

/// How many columns load_rows() takes: two products' worth, so that a thread reads a quad at a time.
inline constexpr int kColumnsAtOnce = 16;

/// Which of those columns a thread has as element j of the first operand's row in product k, and so as row j
/// of the second operand. Any order will do as long as both operands have the same.
template <class Block>
MOP_KERNEL int operand_column(const Block& block, int k, int j) {
  return kColumnsAtOnce * (k / 2) + 4 * (lane_of(block) % 4) + 2 * (k % 2) + j;
}

/// 16 rows and 16 columns of a row-major matrix in shared memory as the first operands of two products.
template <class Block>
MOP_KERNEL void load_rows(const Block& block, const float* matrix, int stride, float (&a)[2][4]) {
  const float* p = matrix + (lane_of(block) / 4) * stride + 4 * (lane_of(block) % 4);
  const Quad upper = *reinterpret_cast<const Quad*>(p),
             lower = *reinterpret_cast<const Quad*>(p + 8 * stride);
  MOP_UNROLL
  for (int k = 0; k < 2; ++k) {
    a[k][0] = upper.v[2 * k];
    a[k][1] = lower.v[2 * k];
    a[k][2] = upper.v[2 * k + 1];
    a[k][3] = lower.v[2 * k + 1];
  }
}

/// Two floats that are moved at once.
struct alignas(8) Pair {
  float v[2];
};
/// A thread's two cells of one sequence; `to` is aligned for a Pair.
MOP_KERNEL void store_pair(float* to, const Quad& cells, int half) {
  *reinterpret_cast<Pair*>(to) = Pair{{cells.v[2 * half], cells.v[2 * half + 1]}};
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

/// The sequences that a block takes through time in one branch, and the layer it is at.
struct TimePlace {
  const NetworkView& net;
  const BranchView& view;
  int branch, layer, first_row, tiles;
  std::uint64_t counter;  // dropout's
  bool training;

  /// Where a tile's quads of step t lie, in units of kThreads.
  MOP_KERNEL std::int64_t private_tile(int t, int tile) const {
    return static_cast<std::int64_t>(t) * (net.batch_rows / kTileRows) + first_row / kTileRows + tile;
  }
};
MOP_KERNEL TimePlace time_place(const StepArgs& args, const Share& share, int layer) {
  const NetworkView& net = share.net;
  const int branch = share.part % net.branch_count;
  const int first = share.part / net.branch_count * args.tiles * kTileRows;
  const int left = (net.batch_rows - first) / kTileRows;
  const int tiles = left < args.tiles ? left : args.tiles;
  const std::uint64_t counter = net.dropout_counter + static_cast<std::uint64_t>(args.step);
  return {net, net.branches[branch], branch, layer, first, tiles, counter, args.training};
}

/// Dropout's factors for a thread's four cells, at one step of one tile (nn/sequence_batch.h has the rule).
struct DropoutPlace {
  int branch, layer, step, first_sequence;
  std::uint64_t counter;
};
template <class Block>
MOP_KERNEL Quad dropout_quad(const Block& block, const NetworkView& net, const DropoutPlace& at) {
  // Four units share a block of random words, two lanes have them: each lane makes the block of one sequence.
  const int unit = cell_unit(block, 0);
  const bool upper = unit % 4 != 0;
  const int sequence = at.first_sequence + cell_row(block, upper ? 2 : 0);
  std::uint32_t c[4] = {static_cast<std::uint32_t>(unit / 4 | at.branch << 16 | at.layer << 24),
                        static_cast<std::uint32_t>(at.step | sequence << 16),
                        static_cast<std::uint32_t>(at.counter), static_cast<std::uint32_t>(at.counter >> 32)};
  philox_block(net.dropout_key, c);
  const std::uint32_t first = block.exchange(upper ? c[0] : c[2]),
                      second = block.exchange(upper ? c[1] : c[3]);
  const std::uint32_t words[4] = {upper ? first : c[0], upper ? second : c[1], upper ? c[2] : first,
                                  upper ? c[3] : second};
  Quad factors;
  MOP_UNROLL
  for (int e = 0; e < 4; ++e)
    factors.v[e] = words[e] < net.dropout_threshold ? 0.0f : net.dropout_kept;
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
