// Some tiles of sequences through all layers and steps of one branch. A warp has eight units: a product's
// four column tiles are their four gates, so a thread ends with all its cells need. The weights stay in
// registers for all steps.
#pragma once
#include "mop/nn/cuda/tile-inl.h"

namespace mop::nn::cuda {

struct LstmForward {
  static constexpr int kBlocksAtOnce = 1;  // on one multiprocessor, for the compiler's choice of registers
  static constexpr int kStride = kUnits + 16;  // floats between rows in shared memory: no bank is hit twice
  static constexpr int kInputStride = kMaxInputs;
  static constexpr int kMaxInputSteps = kMaxInputs / 8, kStateSteps = kUnits / 8;

  static MOP_KERNEL int parts(const NetworkView& net, const StepArgs& args) {
    return time_parts(net, args.tiles);
  }
  static int shared_bytes(const StepArgs& args) {
    const int rows = args.tiles * kTileRows;
    return static_cast<int>(sizeof(float)) * rows * (2 * kInputStride + 2 * kStride) +
           static_cast<int>(sizeof(Quad)) * args.tiles * kThreads;
  }

  template <class Block>
  static MOP_KERNEL void run(Block& block, const StepArgs& args, const Share& share) {
    TimePlace place = time_place(args, share, 0);
    for (; place.layer < place.net.layer_count; ++place.layer)
      run_layer(block, place, Memory(block, args.tiles));
  }

 private:
  struct Memory {  // shared; of inputs and states two steps in turn
    float *first_inputs, *first_states;
    Quad* cells;  // this thread's of the first tile
    int rows;

    template <class Block>
    MOP_KERNEL Memory(Block& block, int tiles) : rows(tiles * kTileRows) {
      first_inputs = block.shared();
      first_states = first_inputs + 2 * rows * kInputStride;
      cells = reinterpret_cast<Quad*>(first_states + 2 * rows * kStride) + block.thread();
    }
    MOP_KERNEL float* inputs(int t, int tile) const {
      return first_inputs + (t % 2 * rows + tile * kTileRows) * kInputStride;
    }
    MOP_KERNEL float* states(int t, int tile) const {
      return first_states + (t % 2 * rows + tile * kTileRows) * kStride;
    }
  };
  struct Weights {  // this thread's share of them, as second operands
    float input[kMaxInputSteps][4][2];
    float state[kStateSteps][4][2];
    float bias[4][2];
    int input_steps;
  };

  template <class Block>
  static MOP_KERNEL void load_weights(const Block& block, const TimePlace& place, Weights& w) {
    const LayerView& layer = place.view.layers[place.layer];
    const float* params = place.net.params;
    const int H = place.net.hidden;
    w.input_steps = (layer.inputs + kColumnsAtOnce - 1) / kColumnsAtOnce * 2;
    const int unit = 8 * warp_of(block) + lane_of(block) / 4;
    const float *input = params + layer.weight_ih, *state = params + layer.weight_hh;
    MOP_UNROLL
    for (int g = 0; g < 4; ++g) {
      const int row = g * H + unit;
      MOP_UNROLL
      for (int j = 0; j < 2; ++j) {
        MOP_UNROLL
        for (int k = 0; k < kMaxInputSteps; ++k) {
          const int in = operand_column(block, k, j);
          w.input[k][g][j] =
              load_weight(block, input, unit < H && in < layer.inputs, row * layer.inputs + in);
        }
        MOP_UNROLL
        for (int k = 0; k < kStateSteps; ++k) {
          const int in = operand_column(block, k, j);
          w.state[k][g][j] = load_weight(block, state, unit < H && in < H, row * H + in);
        }
        const int own = cell_unit(block, j);
        w.bias[g][j] =
            own < H ? params[layer.bias_ih + g * H + own] + params[layer.bias_hh + g * H + own] : 0.0f;
      }
    }
  }

  // Step t of the layer's input on its way into shared memory: rows of the table, or what the layer below
  // made.
  template <class Block>
  static MOP_KERNEL void fetch_inputs(Block& block, const TimePlace& place, int t, float* to) {
    const int rows = place.tiles * kTileRows;
    if (t < place.view.steps) {
      const TableView& table = place.net.pool->tables[place.branch];
      const int quads = (place.layer == 0 ? table.stride : kUnits) / 4;
      for (int r = block.thread() / kRowLanes; r < rows; r += kThreads / kRowLanes) {
        const int b = place.first_row + r;
        const float* from = place.layer > 0 ? upper_input(place, t) + static_cast<std::int64_t>(b) * kUnits
                                            : table.row(place.view.first_row[b], t);
        for (int q = block.thread() % kRowLanes; q < quads; q += kRowLanes)
          block.copy(to + r * kInputStride + 4 * q, from == nullptr ? table.rows : from + 4 * q,
                     from != nullptr);
      }
    }
    block.close_group();
  }

  static MOP_KERNEL const float* upper_input(const TimePlace& place, int t) {
    const LayerView& below = place.view.layers[place.layer - 1];
    const bool drops = place.training && place.net.dropout_kept != 0.0f;
    return (drops ? below.dropped : below.hidden) +
           static_cast<std::int64_t>(t) * place.net.batch_rows * kUnits;
  }

  template <class Block>
  static MOP_KERNEL void run_layer(Block& block, const TimePlace& place, const Memory& memory) {
    Weights w;
    load_weights(block, place, w);
    block.sync();  // the layer below is complete, its memory free
    for (int i = block.thread(); i < place.tiles * kTileRows * kStride; i += kThreads)
      memory.first_states[i] = 0.0f;
    for (int tile = 0; tile < place.tiles; ++tile)
      memory.cells[tile * kThreads] = Quad{};
    fetch_inputs(block, place, 0, memory.inputs(0, 0));
    for (int t = 0; t < place.view.steps; ++t) {
      block.wait(0);
      block.sync();  // step t's inputs and the states before it are there for all
      fetch_inputs(block, place, t + 1, memory.inputs(t + 1, 0));
      for (int tile = 0; tile < place.tiles; ++tile) {
        float z[4][4];
        multiply(block, w, memory.inputs(t, tile), memory.states(t, tile), z);
        finish_cells(block, place, t, tile, z, memory.cells[tile * kThreads], memory.states(t + 1, tile));
      }
    }
    block.wait(0);
  }

  template <class Block>
  static MOP_KERNEL void multiply_columns(Block& block, const float* columns, int stride,
                                          const float (&w0)[4][2], const float (&w1)[4][2],
                                          float (&z)[4][4]) {
    float a[2][4];
    load_rows(block, columns, stride, a);
    MOP_UNROLL
    for (int g = 0; g < 4; ++g)
      block.mma(z[g], a[0], w0[g]);
    MOP_UNROLL
    for (int g = 0; g < 4; ++g)
      block.mma(z[g], a[1], w1[g]);
  }

  template <class Block>
  static MOP_KERNEL void multiply(Block& block, const Weights& w, const float* inputs, const float* states,
                                  float (&z)[4][4]) {
    MOP_UNROLL
    for (int g = 0; g < 4; ++g) {
      MOP_UNROLL
      for (int e = 0; e < 4; ++e)
        z[g][e] = w.bias[g][e % 2];
    }
    MOP_UNROLL
    for (int k = 0; k < kMaxInputSteps; k += 2) {
      if (k >= w.input_steps) break;
      multiply_columns(block, inputs + 8 * k, kInputStride, w.input[k], w.input[k + 1], z);
    }
    MOP_UNROLL
    for (int k = 0; k < kStateSteps; k += 2)
      multiply_columns(block, states + 8 * k, kStride, w.state[k], w.state[k + 1], z);
    block.finish_products();
  }

  template <class Block>
  static MOP_KERNEL void finish_cells(Block& block, const TimePlace& place, int t, int tile, float (&z)[4][4],
                                      Quad& cell, float* states) {
    const LayerView& layer = place.view.layers[place.layer];
    Quad gates[4], h;
    MOP_UNROLL
    for (int e = 0; e < 4; ++e) {
      gates[0].v[e] = sigmoid(block, z[0][e]);
      gates[1].v[e] = sigmoid(block, z[1][e]);
      gates[2].v[e] = tanh(block, z[2][e]);
      gates[3].v[e] = sigmoid(block, z[3][e]);
      cell.v[e] = gates[1].v[e] * cell.v[e] + gates[0].v[e] * gates[2].v[e];
      h.v[e] = block.operand(gates[3].v[e] * tanh(block, cell.v[e]));
    }
    MOP_UNROLL
    for (int half = 0; half < 2; ++half)
      store_pair(states + cell_row(block, 2 * half) * kStride + cell_unit(block, 0), h, half);
    const int first = place.first_row + tile * kTileRows;
    store_rows(block, place, t, first, h, layer.hidden);
    if (!place.training) return;
    const std::int64_t at = place.private_tile(t, tile);
    layer.cells[at * kThreads + block.thread()] = cell;
    MOP_UNROLL
    for (int g = 0; g < 4; ++g)
      layer.gates[(at * 4 + g) * kThreads + block.thread()] = gates[g];
    if (place.net.dropout_kept == 0.0f || place.layer + 1 == place.net.layer_count) return;
    const Quad factors = dropout_quad(block, place.net, {place.branch, place.layer, t, first, place.counter});
    MOP_UNROLL
    for (int e = 0; e < 4; ++e)
      h.v[e] = block.operand(h.v[e] * factors.v[e]);
    store_rows(block, place, t, first, h, layer.dropped);
  }

  template <class Block>
  static MOP_KERNEL void store_rows(Block& block, const TimePlace& place, int t, int first,
                                    const Quad& values, float* to) {
    const std::int64_t at = static_cast<std::int64_t>(t) * place.net.batch_rows + first;
    MOP_UNROLL
    for (int half = 0; half < 2; ++half) {
      store_pair(to + (at + cell_row(block, 2 * half)) * kUnits + cell_unit(block, 0), values, half);
    }
  }
};

}  // namespace mop::nn::cuda
