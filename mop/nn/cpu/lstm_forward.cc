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
void pack_forward(const LayerSize& size, const LayerParams& params, float* HWY_RESTRICT out) {
  const std::size_t I = size.inputs, H = size.hidden, stride = (1 + I + H) * kPanel;
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
  float* gates;             // of block 0, or null
  std::size_t gates_block;  // floats from one block's gates to the next
};

template <std::size_t kRows>
HWY_INLINE void finish_cells(const Tile<kRows>& tile, const Step& step, std::size_t block, std::size_t row,
                             std::size_t Hp) {
  const D d;
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
    const std::size_t at = (row + r) * Hp + block * kLanes;
    const V i = sigmoid(d, tile.v[r][0]), f = sigmoid(d, tile.v[r][1]);
    const V g = tanh(d, tile.v[r][2]), o = sigmoid(d, tile.v[r][3]);
    V c = hn::Mul(i, g);
    if (step.c_before) c = hn::MulAdd(f, hn::Load(d, step.c_before + at), c);
    hn::Store(c, d, step.c + at);
    hn::Store(hn::Mul(o, tanh(d, c)), d, step.h + at);
    if (step.gates) {
      float* gates = step.gates + block * step.gates_block + (row + r) * kPanel;
      hn::Store(i, d, gates);
      hn::Store(f, d, gates + kLanes);
      hn::Store(g, d, gates + 2 * kLanes);
      hn::Store(o, d, gates + 3 * kLanes);
    }
  }
}

void forward_step(const LstmForwardArgs& args, const Step& step) {
  const std::size_t I = args.size.inputs, H = args.size.hidden, Hp = padded(H);
  for (std::size_t block = 0; block * kLanes < H; ++block) {
    const float* bias = args.packed + block * (1 + I + H) * kPanel;
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

void forward(const LstmForwardArgs& args) {
  const std::size_t rows = args.size.rows, state = rows * padded(args.size.hidden);
  const bool keep = args.gates != nullptr;
  pack_forward(args.size, args.params, args.packed);
  for (std::size_t t = 0; t < args.size.steps; ++t) {
    float* c = args.c + (keep ? t * state : 0);
    forward_step(args, {.x = args.x + t * args.x_step,
                        .h_before = t == 0 ? nullptr : args.h + (t - 1) * state,
                        .c_before = t == 0 ? nullptr : (keep ? c - state : c),
                        .c = c,
                        .h = args.h + t * state,
                        .gates = keep ? args.gates + t * rows * kPanel : nullptr,
                        .gates_block = args.size.steps * rows * kPanel});
  }
}

}  // namespace
}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mop::nn::cpu {

HWY_EXPORT(forward);

void lstm_forward(const LstmForwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(forward)(args);
}

std::size_t gates_size(const LayerSize& size) {
  return size.steps * size.rows * 4 * padded(size.hidden);
}

std::size_t packed_size(const LayerSize& size) {
  const std::size_t gates = 4 * padded(size.hidden);
  const std::size_t forward = (1 + size.inputs + size.hidden) * gates;
  // Backward: both weight matrices as right factors, then sums of both weight gradients and of the bias.
  const std::size_t backward =
      gates * (padded_to_panel(size.hidden) + padded_to_panel(size.inputs) + size.inputs + size.hidden + 1);
  return std::max(forward, backward);
}

}  // namespace mop::nn::cpu
#endif
