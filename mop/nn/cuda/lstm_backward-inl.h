// The same sequences back through time and layers: gradients by the gates before their activations, of which
// weight_gradients-inl.h makes those of the weights. A thread has the cells it had on the way forward: the
// product with the weights of the states hands it their gradient in its registers.
#pragma once
#include "mop/nn/cuda/tile-inl.h"

namespace mop::nn::cuda {

struct LstmBackward {
  static constexpr int kBlocksAtOnce = 1;     // on one multiprocessor, for the compiler's choice of registers
  static constexpr int kStride = kGates + 4;  // floats between rows in shared memory
  static constexpr int kProducts = kGates / 8;
  static constexpr int kSums =
      4;  // products that are summed side by side, for each waits for the one before it
  static constexpr int kAhead = 2;   // operands on their way while one is multiplied
  static constexpr int kStaged = 6;  // quads: four gates, the cells before, the gradient from above

  static MOP_KERNEL int parts(const NetworkView& net, const StepArgs& args) {
    return time_parts(net, args.tiles);
  }
  static int shared_bytes(const StepArgs& args) {
    return static_cast<int>(sizeof(float)) * args.tiles * kTileRows * kStride +
           args.tiles * kThreads * static_cast<int>(sizeof(Quad) * (3 + kStaged) + 2 * sizeof(Span));
  }

  template <class Block>
  static MOP_KERNEL void run(Block& block, const StepArgs& args, const Share& share) {
    const TimePlace place = time_place(args, share);
    const Memory memory(block, args.tiles);
    for (int layer = share.net.layer_count - 1; layer > 0; --layer)
      run_layer<true>(block, place, layer, memory);
    run_layer<false>(block, place, 0, memory);
  }

 private:
  // Shared; all but dgates is each thread's own.
  struct Memory {
    float* dgates;
    Quad *dstate, *dcell, *cell, *staged;
    Span* staged_reads;

    template <class Block>
    MOP_KERNEL Memory(Block& block, int tiles) {
      const int own = tiles * kThreads;
      dgates = block.shared();
      dstate = reinterpret_cast<Quad*>(dgates + tiles * kTileRows * kStride) + block.thread();
      dcell = dstate + own;
      cell = dcell + own;
      staged = cell + own;
      staged_reads = reinterpret_cast<Span*>(staged - block.thread() + kStaged * own) + block.thread();
    }
    MOP_KERNEL Quad& stage(int tile, int what) const { return staged[(tile * kStaged + what) * kThreads]; }
    MOP_KERNEL Span& reads(int tile, int half) const { return staged_reads[(tile * 2 + half) * kThreads]; }
  };
  template <bool kInput>
  struct Weights {  // this thread's share of them, as second operands
    float state[kProducts][2];
    float input[kInput ? kProducts : 1][2];
  };
  struct Places {                       // this thread's of the first tile at step 0
    const Quad *gates, *cells, *above;  // above: null at the top layer
    const Span* reads;                  // null below the top layer
    const float* dread;
    float* dgates;
    Quad* below;
    int dread_width;  // from one sequence to the next
  };

  template <bool kInput, class Block>
  static MOP_KERNEL void load_weights(const Block& block, const TimePlace& place, const LayerView& layer,
                                      Weights<kInput>& w) {
    const float* params = place.net.params;
    const int H = place.net.hidden, column = 8 * warp_of(block) + lane_of(block) / 4;
    const float *input = params + layer.weight_ih, *state = params + layer.weight_hh;
    MOP_UNROLL
    for (int k = 0; k < kProducts; ++k) {
      MOP_UNROLL
      for (int j = 0; j < 2; ++j) {
        const int gate_unit = operand_row(block, k, j), unit = gate_unit % kUnits;
        const bool there = unit < H && column < H;  // above the first layer there are as many inputs as units
        const int at = (gate_unit / kUnits * H + unit) * H + column;
        w.state[k][j] = load_weight(block, state, there, at);
        if constexpr (kInput) w.input[k][j] = load_weight(block, input, there, at);
      }
    }
  }

  template <class Block>
  static MOP_KERNEL Places places_of(const Block& block, const TimePlace& place, int number) {
    const LayerView& layer = place.view.layers[number];
    const bool top = number + 1 == place.net.layer_count;
    const std::int64_t quads = static_cast<std::int64_t>(place.first_tile()) * kThreads;
    const int row = place.first_row + cell_row(block, 0), width = place.net.branch_count * kUnits;
    Quad* between = place.view.above + quads + block.thread();
    return {layer.gates + 4 * quads + block.thread(),
            layer.cells + quads + block.thread(),
            top ? nullptr : between,
            top ? place.view.read_by + row : nullptr,
            place.net.dread + static_cast<std::int64_t>(row) * width + place.branch * kUnits +
                cell_unit(block, 0),
            layer.dgates + static_cast<std::int64_t>(row) * kGates + cell_unit(block, 0),
            between,
            width};
  }

  // What step t needs of the way forward; every thread fetches what it will read itself.
  template <class Block>
  static MOP_KERNEL void fetch(Block& block, const TimePlace& place, const Places& from, int t,
                               const Memory& memory) {
    for (int tile = 0; tile < place.tiles && t >= 0; ++tile) {
      const int quads = (t * place.step_tiles() + tile) * kThreads;
      MOP_UNROLL
      for (int g = 0; g < 4; ++g)
        block.copy(&memory.stage(tile, g), from.gates + 4 * quads + g * kThreads, true);
      const int before = t > 0 ? quads - place.step_tiles() * kThreads : quads;
      block.copy(&memory.stage(tile, 4), from.cells + before, t > 0);
      if (from.above != nullptr) block.copy(&memory.stage(tile, 5), from.above + quads, true);
      if (from.reads != nullptr) {
        const Span* reads = from.reads + t * place.batch_rows + tile * kTileRows;
        block.copy_word(&memory.reads(tile, 0), reads);
        block.copy_word(&memory.reads(tile, 1), reads + 8);
      }
    }
    block.close_group();
  }

  template <bool kInput, class Block>
  static MOP_KERNEL void run_layer(Block& block, const TimePlace& place, int number, const Memory& memory) {
    Weights<kInput> w;
    load_weights(block, place, place.view.layers[number], w);
    const Places at = places_of(block, place, number);
    const int last = place.steps - 1;
    for (int tile = 0; tile < place.tiles; ++tile) {
      memory.dstate[tile * kThreads] = Quad{};
      memory.dcell[tile * kThreads] = Quad{};
      memory.cell[tile * kThreads] = at.cells[(last * place.step_tiles() + tile) * kThreads];
    }
    fetch(block, place, at, last, memory);
    for (int t = last; t >= 0; --t) {
      block.wait(0);
      for (int tile = 0; tile < place.tiles; ++tile)
        turn_cells(block, place, at, t, tile, memory);
      fetch(block, place, at, t - 1, memory);
      block.sync();  // every unit's gates are there
      for (int tile = 0; tile < place.tiles; ++tile)
        multiply<kInput>(block, place, w, at,
                         {place.branch, number - 1, t, place.first_row + tile * kTileRows}, tile, memory);
      block.sync();  // and may be overwritten
    }
    block.wait(0);
  }

  // What the head hands back to the top layer's state. Between two positions that read it there may be some
  // that read nothing: zeros.
  static MOP_KERNEL void add_head(const TimePlace& place, const Places& from, int tile, const Memory& memory,
                                  Quad& dh) {
    MOP_UNROLL
    for (int half = 0; half < 2; ++half) {
      const Span reads = memory.reads(tile, half);
      for (int s = reads.first; s <= reads.last; ++s) {
        const int row = s * place.batch_rows + tile * kTileRows + 8 * half;
        const Pair read =
            *reinterpret_cast<const Pair*>(from.dread + static_cast<std::int64_t>(row) * from.dread_width);
        dh.v[2 * half] += read.v[0];
        dh.v[2 * half + 1] += read.v[1];
      }
    }
  }

  template <class Block>
  static MOP_KERNEL void turn_cells(Block& block, const TimePlace& place, const Places& at, int t, int tile,
                                    const Memory& memory) {
    Quad dh = memory.dstate[tile * kThreads], dcell = memory.dcell[tile * kThreads];
    if (at.above != nullptr) {
      const Quad above = memory.stage(tile, 5);
      MOP_UNROLL
      for (int e = 0; e < 4; ++e)
        dh.v[e] += above.v[e];
    } else {
      add_head(place, at, tile, memory, dh);
    }
    const Quad i = memory.stage(tile, 0), f = memory.stage(tile, 1), g = memory.stage(tile, 2),
               o = memory.stage(tile, 3), before = memory.stage(tile, 4), cell = memory.cell[tile * kThreads];
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
    memory.cell[tile * kThreads] = before;
    memory.dcell[tile * kThreads] = dcell;
    float* to = at.dgates + (t * place.batch_rows + tile * kTileRows) * kGates;
    float* shared = memory.dgates + (tile * kTileRows + cell_row(block, 0)) * kStride + cell_unit(block, 0);
    MOP_UNROLL
    for (int gate = 0; gate < 4; ++gate) {
      MOP_UNROLL
      for (int half = 0; half < 2; ++half) {
        const Pair pair = pair_of(dz[gate], half);
        *reinterpret_cast<Pair*>(shared + 8 * half * kStride + gate * kUnits) = pair;
        block.store(reinterpret_cast<Pair*>(to + 8 * half * kGates + gate * kUnits), pair);
      }
    }
  }

  template <bool kInput, class Block>
  static MOP_KERNEL void multiply(Block& block, const TimePlace& place, const Weights<kInput>& w,
                                  const Places& at, const DropoutPlace& below_at, int tile,
                                  const Memory& memory) {
    const float* dgates = memory.dgates + tile * kTileRows * kStride;
    float state[kSums][4] = {}, input[kSums][4] = {}, a[kAhead + 1][4];
    MOP_UNROLL
    for (int k = 0; k < kAhead; ++k)
      block.load_rows(a[k], dgates + 8 * k, kStride);
    MOP_UNROLL
    for (int k = 0; k < kProducts; ++k) {
      const int next = k + kAhead;
      if (next < kProducts) block.load_rows(a[next % (kAhead + 1)], dgates + 8 * next, kStride);
      block.mma(state[k % kSums], a[k % (kAhead + 1)], w.state[k]);
      if constexpr (kInput) block.mma(input[k % kSums], a[k % (kAhead + 1)], w.input[k]);
    }
    block.finish_products();
    memory.dstate[tile * kThreads] = sum_of(state);
    if constexpr (kInput) {
      Quad below = sum_of(input);
      if (place.dropout.kept != 0.0f) {
        const Quad factors = dropout_quad(block, place.dropout, below_at);
        MOP_UNROLL
        for (int e = 0; e < 4; ++e)
          below.v[e] *= factors.v[e];
      }
      block.store(at.below + (below_at.step * place.step_tiles() + tile) * kThreads, below);
    }
  }

  static MOP_KERNEL Quad sum_of(const float (&sums)[kSums][4]) {
    Quad sum;
    MOP_UNROLL
    for (int e = 0; e < 4; ++e)
      sum.v[e] = (sums[0][e] + sums[1][e]) + (sums[2][e] + sums[3][e]);
    return sum;
  }
};

}  // namespace mop::nn::cuda
