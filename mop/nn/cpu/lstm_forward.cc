// The LSTM layer's forward pass: per step, per block of units, per tile of sequences, both matrix products
// and the cell in one go; pre-activations never leave the registers.
#include <algorithm>

#include "mop/nn/cpu/aligned_buffer.h"
#include "mop/nn/cpu/lstm_layer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mop/nn/cpu/lstm_forward.cc"
#include "hwy/foreach_target.h"  // compiles the part below once per instruction set

#include "hwy/highway.h"
#include "mop/nn/cpu/activations-inl.h"
#include "mop/nn/cpu/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mop::nn::cpu::HWY_NAMESPACE {
namespace {

// Weights by block: bias (4 gates, lanes), then inputs rows of (4 gates, lanes), then hidden rows. Units that
// only fill the last block up get zeros and stay at h = c = 0.
void pack(std::size_t I, std::size_t H, const LayerParams& params, float* HWY_RESTRICT out) {
  const std::size_t stride = (1 + I + H) * kPanel;
  const std::size_t blocks = hwy::DivCeil(H, kLanes);
  std::fill_n(out + (blocks - 1) * stride, stride, 0.0f);
  for (std::size_t gate = 0; gate < 4; ++gate) {
    for (std::size_t unit = 0; unit < H; ++unit) {
      const std::size_t row = gate * H + unit;
      float* to = out + unit / kLanes * stride + gate * kLanes + unit % kLanes;
      *to = params.bias_ih[row] + params.bias_hh[row];
      for (std::size_t k = 0; k < I; ++k)
        *(to += kPanel) = params.weight_ih[row * I + k];
      for (std::size_t k = 0; k < H; ++k)
        *(to += kPanel) = params.weight_hh[row * H + k];
    }
  }
}

struct Step {  // pointers to the first row of one step
  const float* x;
  const float* h_before;  // null at the first step
  const float* c_before;
  float* c;
  float* h;
  float* gates;             // of block 0
  std::size_t gates_block;  // floats from one block's gates to the next
  bool keep;
};

// One block of units of one row, from its four gates' inputs.
HWY_INLINE void finish_cell(const V (&z)[kVectors], const Step& step, std::size_t block, std::size_t row,
                            std::size_t Hp) {
  const D d;
  const std::size_t at = row * Hp + block * kLanes;
  const V i = sigmoid(d, z[0]), f = sigmoid(d, z[1]), g = tanh(d, z[2]), o = sigmoid(d, z[3]);
  V c = hn::Mul(i, g);
  if (step.c_before) c = hn::MulAdd(f, hn::Load(d, step.c_before + at), c);
  hn::Store(c, d, step.c + at);
  hn::Store(hn::Mul(o, tanh(d, c)), d, step.h + at);
  if (step.keep) {
    float* gates = step.gates + block * step.gates_block + row * kPanel;
    hn::Store(i, d, gates);
    hn::Store(f, d, gates + kLanes);
    hn::Store(g, d, gates + 2 * kLanes);
    hn::Store(o, d, gates + 3 * kLanes);
  }
}

template <std::size_t kRows>
HWY_INLINE void finish_cells(const Tile<kRows>& tile, const Step& step, std::size_t block, std::size_t row,
                             std::size_t Hp) {
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r)
    finish_cell(tile.v[r], step, block, row + r, Hp);
}

std::size_t block_stride(const LayerSize& size) {
  return (1 + size.inputs + size.hidden) * kPanel;
}

void forward_step(const LstmForwardArgs& args, const Step& step) {
  const std::size_t I = args.size.inputs, H = args.size.hidden, Hp = padded(H);
  for (std::size_t block = 0; block * kLanes < H; ++block) {
    const float* bias = args.packed + block * block_stride(args.size);
    const float* weights = bias + kPanel;
    for_row_tiles(args.size.rows, [&](auto rows, std::size_t row) HWY_ATTR {
      Tile<rows()> tile;
      fill(tile, bias);
      multiply_add({step.x + row * args.x_row, args.x_row, 1}, weights, kPanel, I, tile);
      if (step.h_before) {
        multiply_add({step.h_before + row * Hp, Hp, 1}, weights + I * kPanel, kPanel, H, tile);
      }
      finish_cells(tile, step, block, row, Hp);
    });
  }
}

// Few rows: biases and input products of all steps at once, into the place of the gates.
void project_inputs(const LstmForwardArgs& args) {
  const std::size_t rows = args.size.rows, steps = args.size.steps;
  for (std::size_t block = 0; block * kLanes < args.size.hidden; ++block) {
    const float* bias = args.packed + block * block_stride(args.size);
    float* z = args.gates + block * steps * rows * kPanel;
    for (std::size_t row = 0; row < rows; ++row) {
      for_row_tiles(steps, [&](auto count, std::size_t t) HWY_ATTR {
        Tile<count()> tile;
        fill(tile, bias);
        multiply_add({args.x + t * args.x_step + row * args.x_row, args.x_step, 1}, bias + kPanel, kPanel,
                     args.size.inputs, tile);
        store(tile, z + (t * rows + row) * kPanel, rows * kPanel);
      });
    }
  }
}

// kBlocks blocks of one row: more chains at a time than one block has, enough to hide their latency.
template <std::size_t kBlocks>
HWY_INLINE void finish_blocks(const LstmForwardArgs& args, const Step& step, std::size_t block,
                              std::size_t row) {
  const D d;
  const std::size_t H = args.size.hidden, Hp = padded(H), stride = block_stride(args.size);
  const float* HWY_RESTRICT weights = args.packed + block * stride + (1 + args.size.inputs) * kPanel;
  V z[kBlocks][kVectors];
#pragma GCC unroll 8
  for (std::size_t b = 0; b < kBlocks; ++b) {
    for (std::size_t v = 0; v < kVectors; ++v)
      z[b][v] = hn::Load(d, step.gates + (block + b) * step.gates_block + row * kPanel + v * kLanes);
  }
  const float* HWY_RESTRICT h = step.h_before ? step.h_before + row * Hp : nullptr;
  for (std::size_t k = 0; h && k < H; ++k) {
    const V value = hn::Set(d, h[k]);
#pragma GCC unroll 8
    for (std::size_t b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v)
        z[b][v] = hn::MulAdd(value, hn::Load(d, weights + b * stride + k * kPanel + v * kLanes), z[b][v]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t b = 0; b < kBlocks; ++b)
    finish_cell(z[b], step, block + b, row, Hp);
}

// The weights are larger than the first cache: going through them forwards and backwards in turn finds there
// what the step before used last.
void few_rows_step(const LstmForwardArgs& args, const Step& step, bool backwards) {
  const std::size_t blocks = hwy::DivCeil(args.size.hidden, kLanes), pairs = blocks / 2;
  for (std::size_t row = 0; row < args.size.rows; ++row) {
    for (std::size_t i = 0; i < pairs; ++i)
      finish_blocks<2>(args, step, 2 * (backwards ? pairs - 1 - i : i), row);
    if (blocks % 2 != 0) finish_blocks<1>(args, step, blocks - 1, row);
  }
}

// One step's share of args.soon, a cache line at a time, into the second cache and further.
void draw_near(const LstmForwardArgs& args, std::size_t t) {
  constexpr std::size_t kLine = 16;
  const std::size_t lines = hwy::DivCeil(args.soon.size(), kLine), steps = args.size.steps;
  for (std::size_t line = lines * t / steps; line < lines * (t + 1) / steps; ++line)
    __builtin_prefetch(args.soon.data() + line * kLine, 0, 2);
}

void forward(const LstmForwardArgs& args) {
  const std::size_t rows = args.size.rows, state = rows * padded(args.size.hidden);
  const bool few = rows <= kFewRows;
  if (few) project_inputs(args);
  for (std::size_t t = 0; t < args.size.steps; ++t) {
    float* c = args.c + (args.keep ? t * state : 0);
    const Step step{.x = args.x + t * args.x_step,
                    .h_before = t == 0 ? nullptr : args.h + (t - 1) * state,
                    .c_before = t == 0 ? nullptr : (args.keep ? c - state : c),
                    .c = c,
                    .h = args.h + t * state,
                    .gates = args.gates ? args.gates + t * rows * kPanel : nullptr,
                    .gates_block = args.size.steps * rows * kPanel,
                    .keep = args.keep};
    draw_near(args, t);
    if (few) {
      few_rows_step(args, step, t % 2 != 0);
    } else {
      forward_step(args, step);
    }
  }
}

}  // namespace
}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mop::nn::cpu {

HWY_EXPORT(pack);
HWY_EXPORT(forward);

void lstm_pack(std::size_t inputs, std::size_t hidden, const LayerParams& params, float* packed) {
  HWY_DYNAMIC_DISPATCH(pack)(inputs, hidden, params, packed);
}

void lstm_forward(const LstmForwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(forward)(args);
}

std::size_t gates_size(const LayerSize& size) {
  return size.steps * size.rows * 4 * padded(size.hidden);
}

std::size_t forward_packed_size(std::size_t inputs, std::size_t hidden) {
  return (1 + inputs + hidden) * 4 * padded(hidden);
}

std::size_t packed_size(const LayerSize& size) {
  // Both weight matrices as right factors, then sums of both weight gradients and of the bias.
  return 4 * padded(size.hidden) *
         (padded_to_panel(size.hidden) + padded_to_panel(size.inputs) + size.inputs + size.hidden + 1);
}

}  // namespace mop::nn::cpu
#endif
