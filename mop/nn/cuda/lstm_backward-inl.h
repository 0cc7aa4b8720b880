// The same sequences back through time and layers: gradients by the gates before their activations, of which
// weight_gradients-inl.h makes those of the weights. A thread has the cells it had on the way forward: the
// product with the weights of the states hands it their gradient in its registers.
#pragma once
#include "mop/nn/cuda/tile-inl.h"

namespace mop::nn::cuda {

struct LstmBackward {
  static constexpr int kBlocksAtOnce = 1;  // on one multiprocessor, for the compiler's choice of registers
  static constexpr int kStride = kGates + 16;  // floats between rows in shared memory: no bank is hit twice
  static constexpr int kSteps = kGates / 8;
  static constexpr int kStaged = 6;  // quads: four gates, the cells before, the gradient from above

  static MOP_KERNEL int parts(const NetworkView& net, const StepArgs& args) {
    return time_parts(net, args.tiles);
  }
  static int shared_bytes(const StepArgs& args) {
    return static_cast<int>(sizeof(float)) * args.tiles * kTileRows * kStride +
           static_cast<int>(sizeof(Quad)) * args.tiles * kThreads * (3 + kStaged);
  }

  template <class Block>
  static MOP_KERNEL void run(Block& block, const StepArgs& args, const Share& share) {
    TimePlace place = time_place(args, share, share.net.layer_count - 1);
    for (; place.layer > 0; --place.layer)
      run_layer<true>(block, place, Memory(block, args.tiles));
    run_layer<false>(block, place, Memory(block, args.tiles));
  }

 private:
  // Shared; all but dgates is each thread's own.
  struct Memory {
    float* dgates;
    Quad *dstate, *dcell, *cell, *staged;

    template <class Block>
    MOP_KERNEL Memory(Block& block, int tiles) {
      const int own = tiles * kThreads;
      dgates = block.shared();
      dstate = reinterpret_cast<Quad*>(dgates + tiles * kTileRows * kStride) + block.thread();
      dcell = dstate + own;
      cell = dcell + own;
      staged = cell + own;
    }
    MOP_KERNEL Quad& stage(int tile, int what) const { return staged[(tile * kStaged + what) * kThreads]; }
  };
  template <bool kInput>
  struct Weights {  // this thread's share of them, as second operands
    float state[kSteps][2];
    float input[kInput ? kSteps : 1][2];
  };

  template <bool kInput, class Block>
  static MOP_KERNEL void load_weights(const Block& block, const TimePlace& place, Weights<kInput>& w) {
    const LayerView& layer = place.view.layers[place.layer];
    const float* params = place.net.params;
    const int H = place.net.hidden, column = 8 * warp_of(block) + lane_of(block) / 4;
    const float *input = params + layer.weight_ih, *state = params + layer.weight_hh;
    MOP_UNROLL
    for (int k = 0; k < kSteps; ++k) {
      MOP_UNROLL
      for (int j = 0; j < 2; ++j) {
        const int gate_unit = operand_column(block, k, j), unit = gate_unit % kUnits;
        const bool there = unit < H && column < H;  // above the first layer there are as many inputs as units
        const int at = (gate_unit / kUnits * H + unit) * H + column;
        w.state[k][j] = load_weight(block, state, there, at);
        if constexpr (kInput) w.input[k][j] = load_weight(block, input, there, at);
      }
    }
  }

  // What step t needs of the way forward; every thread fetches what it will read itself.
  template <class Block>
  static MOP_KERNEL void fetch(Block& block, const TimePlace& place, int t, const Memory& memory) {
    const LayerView& layer = place.view.layers[place.layer];
    for (int tile = 0; tile < place.tiles && t >= 0; ++tile) {
      const std::int64_t at = place.private_tile(t, tile);
      for (int g = 0; g < 4; ++g)
        block.copy(&memory.stage(tile, g), &layer.gates[(at * 4 + g) * kThreads + block.thread()], true);
      const std::int64_t before = place.private_tile(t > 0 ? t - 1 : 0, tile);
      block.copy(&memory.stage(tile, 4), &layer.cells[before * kThreads + block.thread()], t > 0);
      const bool from_layer = place.layer + 1 < place.net.layer_count;
      block.copy(&memory.stage(tile, 5), &place.view.above[at * kThreads + block.thread()], from_layer);
    }
    block.close_group();
  }

  template <bool kInput, class Block>
  static MOP_KERNEL void run_layer(Block& block, const TimePlace& place, const Memory& memory) {
    Weights<kInput> w;
    load_weights(block, place, w);
    const int last = place.view.steps - 1;
    for (int tile = 0; tile < place.tiles; ++tile) {
      memory.dstate[tile * kThreads] = Quad{};
      memory.dcell[tile * kThreads] = Quad{};
      memory.cell[tile * kThreads] =
          place.view.layers[place.layer].cells[place.private_tile(last, tile) * kThreads + block.thread()];
    }
    fetch(block, place, last, memory);
    for (int t = last; t >= 0; --t) {
      block.wait(0);
      for (int tile = 0; tile < place.tiles; ++tile)
        turn_cells(block, place, t, tile, memory);
      fetch(block, place, t - 1, memory);
      block.sync();  // every unit's gates are there
      for (int tile = 0; tile < place.tiles; ++tile)
        multiply<kInput>(block, place, w, t, tile, memory);
      block.sync();  // and may be overwritten
    }
    block.wait(0);
  }

  // What the head hands back to the top layer's state at step t.
  template <class Block>
  static MOP_KERNEL void add_head(const Block& block, const TimePlace& place, int t, int tile, Quad& dh) {
    const NetworkView& net = place.net;
    for (int half = 0; half < 2; ++half) {
      const int b = place.first_row + tile * kTileRows + cell_row(block, 2 * half);
      for (int s = place.view.read_by[t * net.batch_rows + b]; s >= 0; --s) {
        const int p = s * net.batch_rows + b, step = place.view.read_step[p];
        if (step >= 0 && step != t) break;
        if (step < 0) continue;
        const float* from = net.dread + static_cast<std::int64_t>(p) * net.branch_count * kUnits +
                            place.branch * kUnits + cell_unit(block, 2 * half);
        dh.v[2 * half] += from[0];
        dh.v[2 * half + 1] += from[1];
      }
    }
  }

  template <class Block>
  static MOP_KERNEL void turn_cells(Block& block, const TimePlace& place, int t, int tile,
                                    const Memory& memory) {
    Quad dh = memory.dstate[tile * kThreads];
    const Quad above = memory.stage(tile, 5);
    MOP_UNROLL
    for (int e = 0; e < 4; ++e)
      dh.v[e] += above.v[e];
    if (place.layer + 1 == place.net.layer_count) add_head(block, place, t, tile, dh);
    const Quad i = memory.stage(tile, 0), f = memory.stage(tile, 1), g = memory.stage(tile, 2),
               o = memory.stage(tile, 3), before = memory.stage(tile, 4);
    Quad& cell = memory.cell[tile * kThreads];
    Quad& dcell = memory.dcell[tile * kThreads];
    Quad dz[4];
    MOP_UNROLL
    for (int e = 0; e < 4; ++e) {
      const float squashed = tanh(block, cell.v[e]);
      const float d = dcell.v[e] + dh.v[e] * o.v[e] * (1.0f - squashed * squashed);
      dz[0].v[e] = block.operand(d * g.v[e] * i.v[e] * (1.0f - i.v[e]));
      dz[1].v[e] = block.operand(d * before.v[e] * f.v[e] * (1.0f - f.v[e]));
      dz[2].v[e] = block.operand(d * i.v[e] * (1.0f - g.v[e] * g.v[e]));
      dz[3].v[e] = block.operand(dh.v[e] * squashed * o.v[e] * (1.0f - o.v[e]));
      dcell.v[e] = d * f.v[e];
    }
    cell = before;
    store_gates(block, place, t, tile, dz, memory);
  }

  template <class Block>
  static MOP_KERNEL void store_gates(Block& block, const TimePlace& place, int t, int tile,
                                     const Quad (&dz)[4], const Memory& memory) {
    const std::int64_t row =
        static_cast<std::int64_t>(t) * place.net.batch_rows + place.first_row + tile * kTileRows;
    float* to = place.view.layers[place.layer].dgates + row * kGates;
    float* shared = memory.dgates + tile * kTileRows * kStride;
    MOP_UNROLL
    for (int g = 0; g < 4; ++g) {
      MOP_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int r = cell_row(block, 2 * half), column = g * kUnits + cell_unit(block, 0);
        store_pair(shared + r * kStride + column, dz[g], half);
        store_pair(to + r * kGates + column, dz[g], half);
      }
    }
  }

  template <bool kInput, class Block>
  static MOP_KERNEL void multiply(Block& block, const TimePlace& place, const Weights<kInput>& w, int t,
                                  int tile, const Memory& memory) {
    const float* dgates = memory.dgates + tile * kTileRows * kStride;
    float state[4] = {}, input[4] = {};
    MOP_UNROLL
    for (int k = 0; k < kSteps; k += 2) {
      float a[2][4];
      load_rows(block, dgates + 8 * k, kStride, a);
      MOP_UNROLL
      for (int i = 0; i < 2; ++i) {
        block.mma(state, a[i], w.state[k + i]);
        if constexpr (kInput) block.mma(input, a[i], w.input[k + i]);
      }
    }
    block.finish_products();
    memory.dstate[tile * kThreads] = Quad{{state[0], state[1], state[2], state[3]}};
    if constexpr (kInput) {
      Quad below{{input[0], input[1], input[2], input[3]}};
      if (place.net.dropout_kept != 0.0f) {
        const int first = place.first_row + tile * kTileRows;
        const Quad factors =
            dropout_quad(block, place.net, {place.branch, place.layer - 1, t, first, place.counter});
        MOP_UNROLL
        for (int e = 0; e < 4; ++e)
          below.v[e] *= factors.v[e];
      }
      place.view.above[place.private_tile(t, tile) * kThreads + block.thread()] = below;
    }
  }
};

}  // namespace mop::nn::cuda
