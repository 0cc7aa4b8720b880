// Some tiles of sequences through all layers and steps of one branch. A warp has eight units: a product's
// four column tiles are their four gates, so a thread ends with all its cells need. The weights stay in
// registers for all steps.
#pragma once
#include "mop/nn/cuda/tile-inl.h"

namespace mop::nn::cuda {

struct LstmForward {
  static constexpr int kBlocksAtOnce = 1;  // on one multiprocessor, for the compiler's choice of registers
  static constexpr int kStateStride = kUnits + 4, kInputStride = kMaxInputs + 4;
  static constexpr int kStateProducts = kUnits / 8;

  static MOP_KERNEL int parts(const NetworkView& net, const StepArgs& args) {
    return time_parts(net, args.tiles);
  }
  static int shared_bytes(const StepArgs& args) {
    const int rows = args.tiles * kTileRows;
    return static_cast<int>(sizeof(float)) * rows * 2 * (kInputStride + kStateStride) +
           static_cast<int>(sizeof(Quad)) * args.tiles * kThreads;
  }

  template <class Block>
  static MOP_KERNEL void run(Block& block, const StepArgs& args, const Share& share) {
    const TimePlace place = time_place(args, share);
    const Memory memory(block, args.tiles);
    for (int layer = 0; layer < share.net.layer_count; ++layer) {
      const int width = width_of(place.view.layers[layer].inputs);
      if (width == 48) {
        run_layer<6>(block, place, layer, memory);
      } else if (width == 64) {
        run_layer<8>(block, place, layer, memory);
      } else {
        run_layer<kMaxInputs / 8>(block, place, layer, memory);
      }
    }
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
      cells = reinterpret_cast<Quad*>(first_states + 2 * rows * kStateStride) + block.thread();
    }
    MOP_KERNEL float* inputs(int t, int tile) const {
      return first_inputs + (t % 2 * rows + tile * kTileRows) * kInputStride;
    }
    MOP_KERNEL float* states(int t, int tile) const {
      return first_states + (t % 2 * rows + tile * kTileRows) * kStateStride;
    }
  };
  template <int kInputProducts>
  struct Weights {  // this thread's share of them, as second operands
    float input[kInputProducts][4][2];
    float state[kStateProducts][4][2];
    float bias[4][2];
  };
  struct Outputs {  // where this thread's cells of the first tile go at step 0
    Quad *gates, *cells;
    float *hidden, *dropped;  // dropped: null without dropout
  };

  template <int kInputProducts, class Block>
  static MOP_KERNEL void load_weights(const Block& block, const TimePlace& place, const LayerView& layer,
                                      Weights<kInputProducts>& w) {
    const float* params = place.net.params;
    const int H = place.net.hidden;
    const int unit = 8 * warp_of(block) + lane_of(block) / 4;
    const float *input = params + layer.weight_ih, *state = params + layer.weight_hh;
    MOP_UNROLL
    for (int g = 0; g < 4; ++g) {
      const int row = g * H + unit;
      MOP_UNROLL
      for (int j = 0; j < 2; ++j) {
        MOP_UNROLL
        for (int k = 0; k < kInputProducts; ++k) {
          const int in = operand_row(block, k, j);
          w.input[k][g][j] =
              load_weight(block, input, unit < H && in < layer.inputs, row * layer.inputs + in);
        }
        MOP_UNROLL
        for (int k = 0; k < kStateProducts; ++k) {
          const int in = operand_row(block, k, j);
          w.state[k][g][j] = load_weight(block, state, unit < H && in < H, row * H + in);
        }
        const int own = cell_unit(block, j);
        w.bias[g][j] =
            own < H ? params[layer.bias_ih + g * H + own] + params[layer.bias_hh + g * H + own] : 0.0f;
      }
    }
  }

  template <class Block>
  static MOP_KERNEL Outputs outputs_of(const Block& block, const TimePlace& place, const LayerView& layer) {
    const std::int64_t quads = static_cast<std::int64_t>(place.first_tile()) * kThreads;
    const std::int64_t row =
        static_cast<std::int64_t>(place.first_row + cell_row(block, 0)) * kUnits + cell_unit(block, 0);
    const bool drops = place.training && layer.dropped != nullptr;
    return {layer.gates + 4 * quads + block.thread(), layer.cells + quads + block.thread(),
            layer.hidden + row, drops ? layer.dropped + row : nullptr};
  }

  // What a layer reads: rows of the table, or what the layer below made.
  struct Inputs {
    TableView table;
    const std::int32_t* first_row;
    const float* below;  // null at the first layer

    MOP_KERNEL Inputs(const TimePlace& place, int layer)
        : table(place.net.pool->tables[place.branch]), first_row(place.view.first_row), below(nullptr) {
      if (layer == 0) return;
      const LayerView& lower = place.view.layers[layer - 1];
      below = place.training && lower.dropped != nullptr ? lower.dropped : lower.hidden;
    }
    /// Of sequence b at step t; null: zeros.
    MOP_KERNEL const float* row(const TimePlace& place, int b, int t) const {
      return below != nullptr ? below + static_cast<std::int64_t>(t * place.batch_rows + b) * kUnits
                              : table.row(first_row[b], t);
    }
  };

  // Step t of the layer's input on its way into shared memory.
  template <int kInputProducts, class Block>
  static MOP_KERNEL void fetch_inputs(Block& block, const TimePlace& place, const Inputs& inputs, int t,
                                      float* to) {
    for (int r = block.thread() / kRowLanes; t < place.steps && r < place.tiles * kTileRows;
         r += kThreads / kRowLanes) {
      const float* from = inputs.row(place, place.first_row + r, t);
      MOP_UNROLL
      for (int first = 0; first < 2 * kInputProducts; first += kRowLanes) {
        const int q = first + block.thread() % kRowLanes;
        if (q < 2 * kInputProducts)
          block.copy(to + r * kInputStride + 4 * q, from == nullptr ? inputs.table.rows : from + 4 * q,
                     from != nullptr);
      }
    }
    block.close_group();
  }

  template <int kInputProducts, class Block>
  static MOP_KERNEL void run_layer(Block& block, const TimePlace& place, int number, const Memory& memory) {
    const LayerView& layer = place.view.layers[number];
    Weights<kInputProducts> w;
    load_weights(block, place, layer, w);
    const Outputs out = outputs_of(block, place, layer);
    const Inputs inputs(place, number);
    block.sync();  // the layer below is complete, its memory free
    for (int i = block.thread(); i < place.tiles * kTileRows * kStateStride; i += kThreads)
      memory.first_states[i] = 0.0f;
    for (int tile = 0; tile < place.tiles; ++tile)
      memory.cells[tile * kThreads] = Quad{};
    fetch_inputs<kInputProducts>(block, place, inputs, 0, memory.inputs(0, 0));
    for (int t = 0; t < place.steps; ++t) {
      block.wait(0);
      block.sync();  // step t's inputs and the states before it are there for all
      fetch_inputs<kInputProducts>(block, place, inputs, t + 1, memory.inputs(t + 1, 0));
      for (int tile = 0; tile < place.tiles; ++tile) {
        float z[4][4];
        multiply(block, w, memory.inputs(t, tile), memory.states(t, tile), z);
        finish_cells(block, place, {place.branch, number, t, place.first_row + tile * kTileRows}, tile, z,
                     memory, out);
      }
    }
    block.wait(0);
  }

  template <int kInputProducts, class Block>
  static MOP_KERNEL void multiply(Block& block, const Weights<kInputProducts>& w, const float* inputs,
                                  const float* states, float (&z)[4][4]) {
    MOP_UNROLL
    for (int g = 0; g < 4; ++g) {
      MOP_UNROLL
      for (int e = 0; e < 4; ++e)
        z[g][e] = w.bias[g][e % 2];
    }
    float a[2][4];  // the next product's operand is on its way while one is multiplied
    block.load_rows(a[0], inputs, kInputStride);
    MOP_UNROLL
    for (int k = 0; k < kInputProducts + kStateProducts; ++k) {
      const int next = k + 1, state = next - kInputProducts;
      if (state < 0) {
        block.load_rows(a[next % 2], inputs + 8 * next, kInputStride);
      } else if (state < kStateProducts) {
        block.load_rows(a[next % 2], states + 8 * state, kStateStride);
      }
      MOP_UNROLL
      for (int g = 0; g < 4; ++g)
        block.mma(z[g], a[k % 2], k < kInputProducts ? w.input[k][g] : w.state[k - kInputProducts][g]);
    }
    block.finish_products();
  }

  template <class Block>
  static MOP_KERNEL void finish_cells(Block& block, const TimePlace& place, const DropoutPlace& at, int tile,
                                      const float (&z)[4][4], const Memory& memory, const Outputs& out) {
    Quad gates[4], h, cell = memory.cells[tile * kThreads];
    MOP_UNROLL
    for (int e = 0; e < 4; ++e) {
      gates[0].v[e] = sigmoid(block, z[0][e]);
      gates[1].v[e] = sigmoid(block, z[1][e]);
      gates[2].v[e] = tanh(block, z[2][e]);
      gates[3].v[e] = sigmoid(block, z[3][e]);
      cell.v[e] = gates[1].v[e] * cell.v[e] + gates[0].v[e] * gates[2].v[e];
      h.v[e] = block.operand(gates[3].v[e] * tanh(block, cell.v[e]));
    }
    memory.cells[tile * kThreads] = cell;
    float* states =
        memory.states(at.step + 1, tile) + cell_row(block, 0) * kStateStride + cell_unit(block, 0);
    *reinterpret_cast<Pair*>(states) = pair_of(h, 0);
    *reinterpret_cast<Pair*>(states + 8 * kStateStride) = pair_of(h, 1);
    const int row = (at.step * place.batch_rows + tile * kTileRows) * kUnits;
    store_rows(block, h, out.hidden + row);
    if (!place.training) return;
    const int quads = (at.step * place.step_tiles() + tile) * kThreads;
    block.store(out.cells + quads, cell);
    MOP_UNROLL
    for (int g = 0; g < 4; ++g)
      block.store(out.gates + 4 * quads + g * kThreads, gates[g]);
    if (out.dropped == nullptr) return;
    const Quad factors = dropout_quad(block, place.dropout, at);
    MOP_UNROLL
    for (int e = 0; e < 4; ++e)
      h.v[e] = block.operand(h.v[e] * factors.v[e]);
    store_rows(block, h, out.dropped + row);
  }

  template <class Block>
  static MOP_KERNEL void store_rows(Block& block, const Quad& values, float* to) {
    block.store(reinterpret_cast<Pair*>(to), pair_of(values, 0));
    block.store(reinterpret_cast<Pair*>(to + 8 * kUnits), pair_of(values, 1));
  }
};

}  // namespace mop::nn::cuda
