// Gradients of all weights: products over every step and sequence. Each block has some weights and a slice of
// the rows to itself and sums them in the same order always; FinishLoss adds the slices.
#pragma once
#include "mop/nn/cuda/tile-inl.h"

namespace mop::nn::cuda {

struct WeightGradients {
  static constexpr int kBlocksAtOnce = 2;  // on one multiprocessor, for the compiler's choice of registers
  static constexpr int kRows = 32;         // rows in shared memory at a time
  static constexpr int kGateStride = kGates + 8;  // floats between rows: no bank is hit twice
  static constexpr int kInputStride = kMaxInputs + 8;
  static constexpr int kGateTiles = 4;  // 16 gates each, of a warp; four warps have all
  static constexpr int kStageFloats = kRows * (kGateStride + kInputStride);

  static MOP_KERNEL int parts(const NetworkView& net, const StepArgs&) { return gradient_parts(net); }
  static int shared_bytes(const StepArgs&) { return static_cast<int>(sizeof(float)) * 2 * kStageFloats; }

  template <class Block>
  static MOP_KERNEL void run(Block& block, const StepArgs&, const Share& share) {
    const NetworkView& net = share.net;
    const int of_slice = 2 * net.layer_count;
    int slice = share.part / of_slice;
    const int layer = share.part % of_slice / 2;
    const bool of_states = share.part % 2 == 1;
    for (int branch = 0; branch < net.branch_count; ++branch) {
      const int slices = slices_of(net, branch);
      if (slice < slices) {
        sum_any_product(block, {net, net.branches[branch], branch, layer, slice, of_states});
        return;
      }
      slice -= slices;
    }
    sum_head(block, net, (share.part - of_slice * layer_slices(net)) * kHeadOutputs);
  }

 private:
  struct Product {  // dgates transposed by the layer's inputs, or by its states one step earlier
    const NetworkView& net;
    const BranchView& view;
    int branch, layer, slice;
    bool of_states;

    MOP_KERNEL const LayerView& own() const { return view.layers[layer]; }
    MOP_KERNEL int begin() const {  // before the first step there is no state
      const int first = slice * kSliceRows;
      return of_states && first < net.batch_rows ? net.batch_rows : first;
    }
    MOP_KERNEL int end() const {
      const int rows = view.steps * net.batch_rows, own_end = (slice + 1) * kSliceRows;
      return own_end < rows ? own_end : rows;
    }
    MOP_KERNEL int inputs() const { return of_states ? net.hidden : own().inputs; }
    /// Floats of row r of the inputs; null: zeros.
    MOP_KERNEL const float* input_row(int r) const {
      if (of_states) return own().hidden + static_cast<std::int64_t>(r - net.batch_rows) * kUnits;
      if (layer > 0) {
        const LayerView& below = view.layers[layer - 1];
        return (net.dropout_kept != 0.0f ? below.dropped : below.hidden) +
               static_cast<std::int64_t>(r) * kUnits;
      }
      return net.pool->tables[branch].row(view.first_row[r % net.batch_rows], r / net.batch_rows);
    }
    MOP_KERNEL int input_quads() const {
      return (layer > 0 || of_states ? kUnits : net.pool->tables[branch].stride) / 4;
    }
  };

  template <class Block>
  static MOP_KERNEL void fetch(Block& block, const Product& product, int first, float* stage) {
    const int rows = product.end(), input_quads = product.input_quads();
    const float* dgates = product.own().dgates;
    constexpr int kGateQuads = kGates / 4, kRowsAtOnce = kThreads / kGateQuads;
    const int row = block.thread() / kGateQuads, column = 4 * (block.thread() % kGateQuads);
    const float* gates = dgates + static_cast<std::int64_t>(first + row) * kGates + column;
    MOP_UNROLL
    for (int r = 0; r < kRows; r += kRowsAtOnce) {
      if (first >= rows) break;
      const bool there = first + row + r < rows;
      block.copy(stage + (row + r) * kGateStride + column, there ? gates + r * kGates : dgates, there);
    }
    float* inputs = stage + kRows * kGateStride;
    for (int i = block.thread() / kRowLanes; i < kRows && first < rows; i += kThreads / kRowLanes) {
      const float* from = first + i < rows ? product.input_row(first + i) : nullptr;
      for (int q = block.thread() % kRowLanes; q < input_quads; q += kRowLanes)
        block.copy(inputs + i * kInputStride + 4 * q, from == nullptr ? dgates : from + 4 * q,
                   from != nullptr);
    }
    block.close_group();
  }

  template <class Block>
  static MOP_KERNEL void sum_any_product(Block& block, const Product& product) {
    const int width = width_of(product.inputs());
    if (width == 48) {
      sum_product<3>(block, product);
    } else if (width == 64) {
      sum_product<4>(block, product);
    } else {
      sum_product<kMaxInputs / 16>(block, product);
    }
  }

  template <int kInputTiles>
  struct Sums {  // of a warp 8 inputs per tile; two warps have all
    float v[kGateTiles][kInputTiles][4];
    float bias;
  };

  template <int kInputTiles, class Block>
  static MOP_KERNEL void sum_product(Block& block, const Product& product) {
    Sums<kInputTiles> sums{};
    const int rows = product.end(), start = product.begin();
    fetch(block, product, start, block.shared());
    for (int first = start, turn = 0; first < rows; first += kRows, turn ^= 1) {
      fetch(block, product, first + kRows, block.shared() + (1 - turn) * kStageFloats);
      block.wait(1);
      block.sync();
      const float* stage = block.shared() + turn * kStageFloats;
      multiply(block, stage, sums);
      block.finish_products();
      if (!product.of_states) {
        MOP_UNROLL
        for (int r = 0; r < kRows; ++r)
          sums.bias += stage[r * kGateStride + block.thread()];
      }
      block.sync();
    }
    block.wait(0);
    store(block, product, sums);
  }

  // Gates of element e (of the sums) of a thread's gate tile m, and inputs of its input tile n.
  template <class Block>
  static MOP_KERNEL int gate_of(const Block& block, int m, int e) {
    return (warp_of(block) / 2 * kGateTiles + m) * 16 + 2 * (lane_of(block) / 4) + e / 2;
  }
  template <int kInputTiles, class Block>
  static MOP_KERNEL int input_of(const Block& block, int n, int e) {
    return (warp_of(block) % 2 * kInputTiles + n) * 8 + 2 * (lane_of(block) % 4) + e % 2;
  }

  // The transposed gates are read a pair at a time, straight into the places of a first operand: a product's
  // row r and r + 8 are two gates beside each other.
  template <int kInputTiles, class Block>
  static MOP_KERNEL void multiply(Block& block, const float* stage, Sums<kInputTiles>& sums) {
    const int row = lane_of(block) % 4, column = lane_of(block) / 4;
    const float* gates = stage + row * kGateStride + warp_of(block) / 2 * kGateTiles * 16 + 2 * column;
    const float* inputs =
        stage + kRows * kGateStride + row * kInputStride + warp_of(block) % 2 * kInputTiles * 8 + column;
    MOP_KEEP_LOOP
    for (int k = 0; k < kRows; k += 8, gates += 8 * kGateStride, inputs += 8 * kInputStride) {
      float a[kGateTiles][4], b[kInputTiles][2];
      MOP_UNROLL
      for (int j = 0; j < 2; ++j) {
        MOP_UNROLL
        for (int m = 0; m < kGateTiles; ++m) {
          const Pair pair = *reinterpret_cast<const Pair*>(gates + 4 * j * kGateStride + 16 * m);
          a[m][2 * j] = pair.v[0];
          a[m][2 * j + 1] = pair.v[1];
        }
        MOP_UNROLL
        for (int n = 0; n < kInputTiles; ++n)
          b[n][j] = inputs[4 * j * kInputStride + 8 * n];
      }
      MOP_UNROLL
      for (int n = 0; n < kInputTiles; ++n) {
        MOP_UNROLL
        for (int m = 0; m < kGateTiles; ++m)
          block.mma(sums.v[m][n], a[m], b[n]);
      }
    }
  }

  template <int kInputTiles, class Block>
  static MOP_KERNEL void store(Block& block, const Product& product, const Sums<kInputTiles>& sums) {
    const LayerView& layer = product.own();
    const int H = product.net.hidden, inputs = product.inputs();
    float* grads =
        product.net.slices + static_cast<std::int64_t>(product.slice) * product.net.parameter_count;
    float* weights = grads + (product.of_states ? layer.weight_hh : layer.weight_ih);
    MOP_UNROLL
    for (int m = 0; m < kGateTiles; ++m) {
      MOP_UNROLL
      for (int n = 0; n < kInputTiles; ++n) {
        MOP_UNROLL
        for (int e = 0; e < 4; ++e) {
          const int gate = gate_of(block, m, e), in = input_of<kInputTiles>(block, n, e),
                    unit = gate % kUnits;
          if (unit < H && in < inputs) weights[(gate / kUnits * H + unit) * inputs + in] = sums.v[m][n][e];
        }
      }
    }
    const int unit = block.thread() % kUnits, row = block.thread() / kUnits * H + unit;
    if (product.of_states || unit >= H) return;
    grads[layer.bias_ih + row] = sums.bias;
    grads[layer.bias_hh + row] = sums.bias;
  }

  // Outputs first_output.. of the head: a thread has one state and half of the outputs.
  template <class Block>
  static MOP_KERNEL void sum_head(Block& block, const NetworkView& net, int first_output) {
    constexpr int kStates = kMaxBranches * kUnits, kOwn = kHeadOutputs * kStates / kThreads;
    float* read = block.shared();
    float* dy = read + kHeadRows * kStates;
    const int state = block.thread() % kStates, own = block.thread() / kStates * kOwn;
    float sums[kOwn] = {}, bias = 0.0f;
    const int rows = net.scored * net.batch_rows;
    for (int first = 0; first < rows; first += kHeadRows) {
      block.sync();
      fetch_head(block, net, first, first_output, read, dy);
      block.sync();
      const int count = rows - first < kHeadRows ? rows - first : kHeadRows;
      for (int r = 0; r < count; ++r) {
        MOP_UNROLL
        for (int o = 0; o < kOwn; ++o)
          sums[o] += dy[r * kHeadOutputs + own + o] * read[r * kStates + state];
        if (block.thread() < kHeadOutputs) bias += dy[r * kHeadOutputs + block.thread()];
      }
    }
    const int branch = state / kUnits, unit = state % kUnits;
    for (int o = 0; o < kOwn; ++o) {
      const int output = first_output + own + o;
      if (output < net.output_count && branch < net.branch_count && unit < net.hidden)
        net.slices[net.head_weight + (output * net.branch_count + branch) * net.hidden + unit] = sums[o];
    }
    const int output = first_output + block.thread();
    if (block.thread() < kHeadOutputs && output < net.output_count) net.slices[net.head_bias + output] = bias;
  }

  template <class Block>
  static MOP_KERNEL void fetch_head(Block& block, const NetworkView& net, int first, int first_output,
                                    float* read, float* dy) {
    constexpr int kStates = kMaxBranches * kUnits;
    const int rows = net.scored * net.batch_rows;
    for (int i = block.thread(); i < kHeadRows * kStates; i += kThreads) {
      const int p = first + i / kStates, branch = i % kStates / kUnits;
      float value = 0.0f;
      if (p < rows && branch < net.branch_count) {
        const BranchView& view = net.branches[branch];
        const int step = view.read_step[p];
        const std::int64_t at = static_cast<std::int64_t>(step) * net.batch_rows + p % net.batch_rows;
        if (step >= 0) value = view.layers[net.layer_count - 1].hidden[at * kUnits + i % kUnits];
      }
      read[i] = value;
    }
    for (int i = block.thread(); i < kHeadRows * kHeadOutputs; i += kThreads) {
      const int p = first + i / kHeadOutputs, output = first_output + i % kHeadOutputs;
      const bool there = p < rows && output < net.output_count;
      dy[i] = there ? net.dy[static_cast<std::int64_t>(p) * net.output_count + output] : 0.0f;
    }
  }
};

}  // namespace mop::nn::cuda
