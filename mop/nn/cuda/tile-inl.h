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

/// Rows m0..m0+15 and columns k0..k0+7 of a row-major matrix as a product's first operand.
template <class Block>
MOP_KERNEL void load_rows(const Block& block, const float* matrix, int stride, float (&a)[4]) {
  const float* p = matrix + (lane_of(block) / 4) * stride + lane_of(block) % 4;
  a[0] = p[0];
  a[1] = p[8 * stride];
  a[2] = p[4];
  a[3] = p[8 * stride + 4];
}

/// The same of the matrix's transpose: rows of it are columns of the operand.
template <class Block>
MOP_KERNEL void load_rows_transposed(const Block& block, const float* matrix, int stride, float (&a)[4]) {
  const float* p = matrix + (lane_of(block) % 4) * stride + lane_of(block) / 4;
  a[0] = p[0];
  a[1] = p[8];
  a[2] = p[4 * stride];
  a[3] = p[4 * stride + 8];
}

/// Rows k0..k0+7 and columns n0..n0+7 of a row-major matrix as the second operand.
template <class Block>
MOP_KERNEL void load_columns(const Block& block, const float* matrix, int stride, float (&b)[2]) {
  const float* p = matrix + (lane_of(block) % 4) * stride + lane_of(block) / 4;
  b[0] = p[0];
  b[1] = p[4 * stride];
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

/// Dropout's factors for a thread's four cells, at one step of one tile (nn/sequence_batch.h has the rule).
struct DropoutPlace {
  int branch, layer, step, first_sequence;
  std::uint64_t counter;
};
template <class Block>
MOP_KERNEL Quad dropout_quad(const Block& block, const NetworkView& net, const DropoutPlace& at) {
  Quad factors;
  for (int half = 0; half < 2; ++half) {
    const int unit = cell_unit(block, 2 * half);
    const int sequence = at.first_sequence + cell_row(block, 2 * half);
    std::uint32_t c[4] = {static_cast<std::uint32_t>(unit / 4 | at.branch << 16 | at.layer << 24),
                          static_cast<std::uint32_t>(at.step | sequence << 16),
                          static_cast<std::uint32_t>(at.counter),
                          static_cast<std::uint32_t>(at.counter >> 32)};
    philox_block(net.dropout_key, c);
    const bool upper = unit % 4 != 0;  // a thread's two units are the first or the last two of a block
    const std::uint32_t first = upper ? c[2] : c[0], second = upper ? c[3] : c[1];
    factors.v[2 * half] = first < net.dropout_threshold ? 0.0f : net.dropout_kept;
    factors.v[2 * half + 1] = second < net.dropout_threshold ? 0.0f : net.dropout_kept;
  }
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
