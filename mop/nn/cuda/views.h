// What the kernels see of a fleet in training: plain numbers and device memory, one NetworkView per network.
// The memory belongs to Fleet (fleet.h).
//
//   private order   (steps, tiles, kThreads) quads: what a thread keeps of its four cells of a tile, and
//                   reads back itself; cell_row() and cell_unit() say which cells those are
//   row order       (steps, batch_rows, columns), as everywhere else
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define MOP_KERNEL __host__ __device__ inline
#define MOP_UNROLL _Pragma("unroll")  // where registers must be named: an array of them has no run-time index
#define MOP_KEEP_LOOP _Pragma("unroll 1")
#else
#define MOP_KERNEL inline
#define MOP_UNROLL
#define MOP_KEEP_LOOP
#endif

namespace mop::nn::cuda {

inline constexpr int kUnits = 64;          // hidden units of a layer; a network with fewer is filled up
inline constexpr int kGates = 4 * kUnits;  // columns of all gates, i f g o, kUnits each
inline constexpr int kMaxInputs = 80;      // of the first layer
inline constexpr int kMaxLayers = 4, kMaxBranches = 2;
inline constexpr int kMaxLevels = 16;    // quantiles of a head
inline constexpr int kMaxOutputs = 160;  // of a network
inline constexpr int kThreads = 256, kLanes = 32, kWarps = kThreads / kLanes;
inline constexpr int kTileRows = 16;     // sequences of a tile
inline constexpr int kMaxTiles = 4;      // tiles that one block takes through time
inline constexpr int kHeadRows = 32;     // scored rows that one block takes through the head
inline constexpr int kHeadOutputs = 8;   // outputs whose weights' gradients one block sums
inline constexpr int kUpdateParts = 8;   // blocks that update one network
inline constexpr int kSliceRows = 1024;  // (step, sequence) rows whose weights' gradients one block sums
static_assert(kWarps * 8 == kUnits, "a warp has eight units");

/// Floats that are moved at once.
struct alignas(16) Quad {
  float v[4];
};
struct alignas(8) Pair {
  float v[2];
};

/// Scored positions first..last.
struct alignas(4) Span {
  std::int16_t first, last;
};

/// Columns to which inputs are filled up with zeros: there is a forward pass for each width.
MOP_KERNEL int width_of(int inputs) {
  return inputs <= 48 ? 48 : inputs <= 64 ? 64 : kMaxInputs;
}

/// Rows of all series that a pool of networks reads in one branch, one behind the other.
struct TableView {
  const float* rows;  // (n, stride): scaled inputs, zeros where a row is not usable and behind `inputs`
  int count, inputs, stride;    // count: n; stride: width_of(inputs)
  const std::int32_t* history;  // (n): consecutive usable rows that end here

  /// Row t of a sequence that begins with row `first`; null when there is none.
  MOP_KERNEL const float* row(int first, int t) const {
    return first < 0 || first + t >= count ? nullptr : rows + static_cast<std::int64_t>(first + t) * stride;
  }
};

/// What the outputs of one head are compared with, by rows of the first branch's table.
struct HeadView {
  const float* targets;  // (n, horizon + 2): z per step (NaN: unknown), the standardised log-range (NaN), and
                         // the row's weight, 0 where there is nothing to compare with
  const float* base;     // (members, horizon, levels): the median's base quantile, then the gaps between them
  int horizon, levels, median;
  int offset;  // of its first output
};

struct PoolView {
  TableView tables[kMaxBranches];
  const std::int32_t* joined;  // rows of the second table that belong to those of the first; -1: none
  HeadView heads[kMaxBranches];
  float quantile_levels[kMaxLevels];
  float range_weight;  // of the squared error of the log-range
};

/// A stretch of rows of the first table whose targets are taken from one sequence.
struct ChunkView {
  std::int32_t first, count, member;
};

/// Chunks that are gone through in an order, and what became of them.
struct PassView {
  const ChunkView* chunks;
  int count, batch;     // chunks, and how many of them make a step
  double* loss;         // (count): summed over its (row, head) pairs
  std::int32_t* pairs;  // (count): how many those are

  MOP_KERNEL int steps() const { return (count + batch - 1) / batch; }
};

struct LayerView {
  int inputs;
  int weight_ih, weight_hh, bias_ih, bias_hh;  // places in the vector of parameters
  Quad* gates;                                 // (4 gates) quads in private order
  Quad* cells;                                 // private order
  float* hidden;                               // row order, kUnits columns
  float* dropped;  // the same after dropout: what the layer above reads; null at the top and without dropout
  float* dgates;   // row order, kGates columns: gradient by the gates before their activations
};

struct BranchView {
  int steps;
  LayerView layers[kMaxLayers];
  Quad* above;              // private order: gradient of the states by what the layer above makes of them
  std::int32_t* first_row;  // (batch_rows): where sequences begin in the table; -1: no sequence
  std::int32_t* read_step;  // (scored, batch_rows): the step that answers; -1: nothing does
  Span* read_by;            // (steps, batch_rows): scored positions that read it, or lie between two that do
};

struct NetworkView {
  const PoolView* pool;
  int branch_count, layer_count, hidden, output_count, scored, lookback;
  int batch_rows;  // sequences there is room for, a multiple of kTileRows
  int head_weight, head_bias, parameter_count;
  BranchView branches[kMaxBranches];
  float *params, *grads, *mean, *square;
  float* slices;  // (most slices_of() a branch, parameter_count): gradients of some rows each, before they
                  // are added
  PassView fit, validation;
  const double* rates;  // per step of the fit
  double weight_decay, gradient_clip;
  std::uint64_t dropout_key, dropout_counter;  // the counter of the fit's first step
  std::uint32_t dropout_threshold;
  float dropout_kept;        // 0: no dropout
  float *dread, *dy;         // (scored, batch_rows): branch_count * kUnits, output_count
  float* row_loss;           // (scored, batch_rows)
  std::int32_t* target_row;  // (scored, batch_rows): row of the first table; -1: none
  double* weight_sum;        // of the step's pairs
  std::int32_t* pair_count;  // of the step
  double* square_sums;       // (kUpdateParts): of the gradient
  std::uint64_t* updates;    // that Adam has made
  std::int32_t* diverged;    // not 0: a loss was not a number, nothing is updated any more
};

/// One step of all networks.
struct StepArgs {
  const NetworkView* networks;
  int step;
  int parts;      // blocks per network; those that a network has no use for end at once
  int tiles;      // per block, in the passes through time
  bool training;  // else validation: no dropout, nothing kept for the way back
};

/// The block's network and its part of it.
struct Share {
  const NetworkView& net;
  int part;
};

MOP_KERNEL const PassView& pass_of(const NetworkView& net, bool training) {
  return training ? net.fit : net.validation;
}

/// False when the network has no such step.
MOP_KERNEL bool has_step(const NetworkView& net, const StepArgs& args) {
  return args.step < pass_of(net, args.training).steps() && (!args.training || *net.diverged == 0);
}

MOP_KERNEL int sequences_of(const NetworkView& net, const StepArgs& args) {
  const PassView& pass = pass_of(net, args.training);
  const int left = pass.count - args.step * pass.batch;
  return left < pass.batch ? left : pass.batch;
}

/// Blocks that a network has use for.
MOP_KERNEL int time_parts(const NetworkView& net, int tiles) {
  const int rows = tiles * kTileRows;
  return net.branch_count * ((net.batch_rows + rows - 1) / rows);
}
MOP_KERNEL int head_parts(const NetworkView& net) {
  return (net.scored * net.batch_rows + kHeadRows - 1) / kHeadRows;
}
/// In how many slices the gradients of a branch's weights are summed: a matter of its own shape, so that the
/// order of additions does not change with what else is trained or where.
MOP_KERNEL int slices_of(const NetworkView& net, int branch) {
  return (net.branches[branch].steps * net.batch_rows + kSliceRows - 1) / kSliceRows;
}
/// Slices of one layer's products with inputs and states, all branches.
MOP_KERNEL int layer_slices(const NetworkView& net) {
  int slices = 0;
  for (int branch = 0; branch < net.branch_count; ++branch)
    slices += slices_of(net, branch);
  return slices;
}
MOP_KERNEL int gradient_parts(const NetworkView& net) {
  return layer_slices(net) * net.layer_count * 2 + (net.output_count + kHeadOutputs - 1) / kHeadOutputs;
}

}  // namespace mop::nn::cuda
