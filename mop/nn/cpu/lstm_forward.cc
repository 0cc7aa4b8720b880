// The LSTM layer's forward pass: per step, per block of units, per tile of sequences, both matrix products
// and the cell in one go; pre-activations never leave the registers.
#include <algorithm>
#include <bit>
#include <cstdint>

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

std::size_t inputs_stride(std::size_t I) {
  return (1 + I) * kPanel;
}

std::size_t recurrent_stride(std::size_t H) {
  return H * kPanel;
}

// By block: bias (4 gates, lanes), then inputs rows of (4 gates, lanes); by block: hidden rows of the same.
// Units that only fill the last block up get zeros and stay at h = c = 0.
void pack(std::size_t I, std::size_t H, const LayerParams& params, float* HWY_RESTRICT inputs,
          float* HWY_RESTRICT recurrent) {
  const std::size_t last = hwy::DivCeil(H, kLanes) - 1;
  std::fill_n(inputs + last * inputs_stride(I), inputs_stride(I), 0.0f);
  std::fill_n(recurrent + last * recurrent_stride(H), recurrent_stride(H), 0.0f);
  for (std::size_t gate = 0; gate < 4; ++gate) {
    for (std::size_t unit = 0; unit < H; ++unit) {
      const std::size_t row = gate * H + unit, block = unit / kLanes, lane = gate * kLanes + unit % kLanes;
      float* to = inputs + block * inputs_stride(I) + lane;
      *to = params.bias_ih[row] + params.bias_hh[row];
      for (std::size_t k = 0; k < I; ++k)
        *(to += kPanel) = params.weight_ih[row * I + k];
      to = recurrent + block * recurrent_stride(H) + lane;
      for (std::size_t k = 0; k < H; ++k)
        to[k * kPanel] = params.weight_hh[row * H + k];
    }
  }
}

// As `recurrent` above, but a word holds two gates: i below f, g below o.
void pack_bf16(std::size_t H, const float* weight_hh, float* HWY_RESTRICT out) {
  const auto bits_of = [&](std::size_t gate, std::size_t unit, std::size_t k) -> std::uint32_t {
    return unit < H ? std::bit_cast<std::uint32_t>(weight_hh[(gate * H + unit) * H + k]) : 0;
  };
  for (std::size_t block = 0; block * kLanes < H; ++block) {
    for (std::size_t k = 0; k < H; ++k) {
      for (std::size_t gate = 0; gate < 4; gate += 2) {
        for (std::size_t unit = block * kLanes; unit < (block + 1) * kLanes; ++unit)
          *out++ = std::bit_cast<float>(bits_of(gate, unit, k) >> 16 | bits_of(gate + 1, unit, k));
      }
    }
  }
}

struct Step {  // pointers to the first row of one step
  const float* x;
  const std::int32_t* row_of;       // of shared rows, or null
  const std::int32_t* row_of_next;  // those of the step behind it: drawn near meanwhile
  const float* h_before;            // null at the first step
  const float* c_before;
  float* c;
  float* h;
  float* gates;             // of block 0
  std::size_t gates_block;  // floats from one block's gates to the next
  bool keep;
};

// One block of units of one row, from its four gates' inputs: c goes to memory, what the output gate is one
// over into z[3]. With a = 1 + e^-i, b = 1 + e^-f and e = e^2g - 1 the cell f c' + i g is ((a (2 + e)) c' + b
// e) / (a (2 + e) b): one division for three.
HWY_INLINE void finish_gates(V (&z)[kVectors], const Step& step, std::size_t block, std::size_t row,
                             std::size_t Hp) {
  const D d;
  const std::size_t at = row * Hp + block * kLanes;
  const V one = hn::Set(d, 1.0f), two = hn::Set(d, 2.0f);
  const V i = sigmoid_divisor(d, z[0]), f = sigmoid_divisor(d, z[1]), g = tanh_dividend(d, z[2]);
  const V ig = hn::Mul(i, hn::Add(two, g)), all = hn::Mul(ig, f);
  V c = hn::Mul(f, g);
  if (step.c_before) c = hn::MulAdd(ig, hn::Load(d, step.c_before + at), c);
  hn::Store(hn::Div(c, all), d, step.c + at);
  z[3] = sigmoid_divisor(d, z[3]);
  if (step.keep) {
    float* gates = step.gates + block * step.gates_block + row * kPanel;
    const V over_all = hn::Div(one, all), over_ig = hn::Mul(f, over_all);
    hn::Store(hn::Mul(hn::Add(two, g), over_ig), d, gates);
    hn::Store(hn::Mul(ig, over_all), d, gates + kLanes);
    hn::Store(hn::Mul(g, hn::Mul(i, over_ig)), d, gates + 2 * kLanes);
    hn::Store(hn::Div(one, z[3]), d, gates + 3 * kLanes);
  }
}

// The rest of the cell, apart from the gates so that the long chains of several cells run side by side.
HWY_INLINE void finish_state(V output_divisor, const Step& step, std::size_t block, std::size_t row,
                             std::size_t Hp) {
  const D d;
  const std::size_t at = row * Hp + block * kLanes;
  const V e = tanh_dividend(d, hn::Load(d, step.c + at));
  hn::Store(hn::Div(e, hn::Mul(output_divisor, hn::Add(hn::Set(d, 2.0f), e))), d, step.h + at);
}

template <std::size_t kRows>
HWY_INLINE void finish_cells(Tile<kRows>& tile, const Step& step, std::size_t block, std::size_t row,
                             std::size_t Hp) {
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r)
    finish_gates(tile.v[r], step, block, row + r, Hp);
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r)
    finish_state(tile.v[r][3], step, block, row + r, Hp);
}

// Bias and input product of each row.
template <std::size_t kRows>
HWY_INLINE void start_tile(const LstmForwardArgs& args, const Step& step, std::size_t block, std::size_t row,
                           Tile<kRows>& tile) {
  const D d;
  if (!step.row_of) {
    const float* bias = args.weights.inputs + block * inputs_stride(args.size.inputs);
    fill(tile, bias);
    return multiply_add({step.x + row * args.x_row, args.x_row, 1}, bias + kPanel, kPanel, args.size.inputs,
                        tile);
  }
  const float* products = args.shared.products + block * gates_stride(args.shared.count);
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
    const float* from = products + static_cast<std::size_t>(step.row_of[row + r]) * kPanel;
    for (std::size_t v = 0; v < kVectors; ++v)
      tile.v[r][v] = hn::Load(d, from + v * kLanes);
  }
}

void forward_step(const LstmForwardArgs& args, const Step& step) {
  const std::size_t H = args.size.hidden, Hp = padded(H);
  for (std::size_t block = 0; block * kLanes < H; ++block) {
    const float* weight_hh = args.weights.recurrent + block * recurrent_stride(H);
    for_row_tiles(args.size.rows, [&](auto rows, std::size_t row) HWY_ATTR {
      if (step.row_of_next) {
        const float* products = args.shared.products + block * gates_stride(args.shared.count);
        for (std::size_t r = row; r < row + rows(); ++r)
          draw_near(products + static_cast<std::size_t>(step.row_of_next[r]) * kPanel, kPanel);
      }
      Tile<rows()> tile;
      start_tile(args, step, block, row, tile);
      if (step.h_before) multiply_add({step.h_before + row * Hp, Hp, 1}, weight_hh, kPanel, H, tile);
      finish_cells(tile, step, block, row, Hp);
    });
  }
}

// Bias and input product of `count` rows of x, one block of units from its bias on; rows of both sides are
// that far apart.
void project(std::size_t I, const float* bias, const float* x, std::size_t x_stride, std::size_t count,
             float* to, std::size_t to_stride) {
  for_row_tiles(count, [&](auto rows, std::size_t row) HWY_ATTR {
    Tile<rows()> tile;
    fill(tile, bias);
    multiply_add({x + row * x_stride, x_stride, 1}, bias + kPanel, kPanel, I, tile);
    store(tile, to + row * to_stride, to_stride);
  });
}

// Few rows: of all steps at once, into the place of the gates.
void project_steps(const LstmForwardArgs& args) {
  const std::size_t I = args.size.inputs, H = args.size.hidden, rows = args.size.rows,
                    steps = args.size.steps;
  for (std::size_t block = 0; block * kLanes < H; ++block) {
    const float* bias = args.weights.inputs + block * inputs_stride(I);
    float* z = args.gates + block * gates_stride(steps * rows);
    for (std::size_t row = 0; row < rows; ++row)
      project(I, bias, args.x + row * args.x_row, args.x_step, steps, z + row * kPanel, rows * kPanel);
  }
}

void project_rows(std::size_t I, std::size_t H, const float* packed_inputs, const float* x, std::size_t count,
                  float* products) {
  for (std::size_t block = 0; block * kLanes < H; ++block)
    project(I, packed_inputs + block * inputs_stride(I), x, I, count, products + block * gates_stride(count),
            kPanel);
}

// Adds the state's product to kBlocks blocks of one row: more chains at a time than one block has, enough to
// hide their latency.
template <std::size_t kBlocks>
HWY_INLINE void add_recurrent(const float* HWY_RESTRICT weights, std::size_t H, const float* HWY_RESTRICT h,
                              V (&z)[kBlocks][kVectors]) {
  const D d;
  for (std::size_t k = 0; k < H; ++k) {
    const V value = hn::Set(d, h[k]);
#pragma GCC unroll 8
    for (std::size_t b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v)
        z[b][v] = hn::MulAdd(value, hn::Load(d, weights + b * recurrent_stride(H) + k * kPanel + v * kLanes),
                             z[b][v]);
    }
  }
}

// The same sums of weights that are bfloat16, in half the bytes.
template <std::size_t kBlocks>
HWY_INLINE void add_recurrent_bf16(const float* HWY_RESTRICT words, std::size_t H,
                                   const float* HWY_RESTRICT h, V (&z)[kBlocks][kVectors]) {
  const D d;
  const hn::RebindToUnsigned<D> du;
  const std::size_t stride = recurrent_stride(H) / 2;
  auto upper = hn::Set(du, 0xFFFF0000u);
  for (const float* const end = h + H; h != end; ++h, words += kPanel / 2) {
    const V value = hn::Set(d, *h);
#pragma GCC unroll 8
    for (std::size_t b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; v += 2) {
        auto pair = hn::BitCast(du, hn::Load(d, words + b * stride + v / 2 * kLanes));
        keep_in_register(pair);
        keep_in_register(upper);
        z[b][v] = hn::MulAdd(value, hn::BitCast(d, hn::ShiftLeft<16>(pair)), z[b][v]);
        z[b][v + 1] = hn::MulAdd(value, hn::BitCast(d, hn::And(pair, upper)), z[b][v + 1]);
      }
    }
  }
}

// Blocks whose c is known and whose h is not yet: the chain from one to the other is long, so it runs beside
// that of the next blocks' gates.
struct OpenBlocks {
  std::size_t first = 0, count = 0;
  V output_divisor[2];

  HWY_INLINE void finish(const Step& step, std::size_t row, std::size_t Hp) {
#pragma GCC unroll 8
    for (std::size_t b = 0; b < 2; ++b) {
      if (b < count) finish_state(output_divisor[b], step, first + b, row, Hp);
    }
  }
};

template <std::size_t kBlocks>
HWY_INLINE void take_blocks(const LstmForwardArgs& args, const Step& step, std::size_t block, std::size_t row,
                            OpenBlocks& open) {
  const D d;
  const std::size_t H = args.size.hidden, Hp = padded(H), weights = block * recurrent_stride(H);
  V z[kBlocks][kVectors];
#pragma GCC unroll 8
  for (std::size_t b = 0; b < kBlocks; ++b) {
    for (std::size_t v = 0; v < kVectors; ++v)
      z[b][v] = hn::Load(d, step.gates + (block + b) * step.gates_block + row * kPanel + v * kLanes);
  }
  if (step.h_before) {
    const float* h = step.h_before + row * Hp;
    if (args.weights.bf16) {
      add_recurrent_bf16(args.weights.bf16 + weights / 2, H, h, z);
    } else {
      add_recurrent(args.weights.recurrent + weights, H, h, z);
    }
  }
  open.finish(step, row, Hp);
  open.first = block;
  open.count = kBlocks;
#pragma GCC unroll 8
  for (std::size_t b = 0; b < kBlocks; ++b) {
    finish_gates(z[b], step, block + b, row, Hp);
    open.output_divisor[b] = z[b][3];
  }
}

// The weights are as large as the first cache or larger: going through them forwards and backwards in turn
// finds there what the step before used last.
void few_rows_step(const LstmForwardArgs& args, const Step& step, bool backwards) {
  const std::size_t blocks = hwy::DivCeil(args.size.hidden, kLanes), pairs = blocks / 2;
  for (std::size_t row = 0; row < args.size.rows; ++row) {
    OpenBlocks open;
    for (std::size_t i = 0; i < pairs; ++i)
      take_blocks<2>(args, step, 2 * (backwards ? pairs - 1 - i : i), row, open);
    if (blocks % 2 != 0) take_blocks<1>(args, step, blocks - 1, row, open);
    open.finish(step, row, padded(args.size.hidden));
  }
}

// One step's share of args.soon.
void draw_soon_near(const LstmForwardArgs& args, std::size_t t) {
  const std::size_t floats = args.soon.size() / kLine * kLine, steps = args.size.steps;
  const std::size_t from = floats / kLine * t / steps * kLine, to = floats / kLine * (t + 1) / steps * kLine;
  draw_near(args.soon.data() + from, to - from);
}

void forward(const LstmForwardArgs& args) {
  const std::size_t rows = args.size.rows, state = rows * padded(args.size.hidden);
  const bool few = rows <= kFewRows && !args.keep;
  if (few) project_steps(args);
  for (std::size_t t = 0; t < args.size.steps; ++t) {
    float* c = args.c + (args.keep ? t * state : 0);
    const Step step{.x = args.x + t * args.x_step,
                    .row_of = args.shared.row_of ? args.shared.row_of + t * rows : nullptr,
                    .row_of_next = args.shared.row_of && t + 1 < args.size.steps
                                       ? args.shared.row_of + (t + 1) * rows
                                       : nullptr,
                    .h_before = t == 0 ? args.h0 : args.h + (t - 1) * state,
                    .c_before = t == 0 ? args.c0 : (args.keep ? c - state : c),
                    .c = c,
                    .h = args.h + t * state,
                    .gates = args.gates ? args.gates + t * rows * kPanel : nullptr,
                    .gates_block = gates_stride(args.size.steps * rows),
                    .keep = args.keep};
    draw_soon_near(args, t);
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
HWY_EXPORT(pack_bf16);
HWY_EXPORT(project_rows);
HWY_EXPORT(forward);

void lstm_pack(std::size_t inputs, std::size_t hidden, const LayerParams& params, float* packed_inputs,
               float* packed_recurrent) {
  HWY_DYNAMIC_DISPATCH(pack)(inputs, hidden, params, packed_inputs, packed_recurrent);
}

void lstm_pack_bf16(std::size_t hidden, const float* weight_hh, float* packed) {
  HWY_DYNAMIC_DISPATCH(pack_bf16)(hidden, weight_hh, packed);
}

void lstm_project(std::size_t inputs, std::size_t hidden, const float* packed_inputs, const float* x,
                  std::size_t count, float* products) {
  HWY_DYNAMIC_DISPATCH(project_rows)(inputs, hidden, packed_inputs, x, count, products);
}

void lstm_forward(const LstmForwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(forward)(args);
}

std::size_t gates_size(const LayerSize& size) {
  return products_size(size.steps * size.rows, size.hidden);
}

std::size_t products_size(std::size_t count, std::size_t hidden) {
  return (count * 4 + kGatesPad) * in_whole_vectors(hidden);
}

std::size_t inputs_packed_size(std::size_t inputs, std::size_t hidden) {
  return (1 + inputs) * 4 * in_whole_vectors(hidden);
}

std::size_t recurrent_packed_size(std::size_t hidden) {
  return hidden * 4 * in_whole_vectors(hidden);
}

std::size_t bf16_packed_size(std::size_t hidden) {
  return recurrent_packed_size(hidden) / 2;
}

}  // namespace mop::nn::cpu
#endif
