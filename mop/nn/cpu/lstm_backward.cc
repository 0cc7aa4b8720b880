// The LSTM layer's backward pass: back through the steps to the gradients of the gates' inputs (dz, which
// takes the place of the gates), then the gradients of weights and inputs as products over all steps.
#include <algorithm>

#include "mop/nn/cpu/aligned_buffer.h"
#include "mop/nn/cpu/lstm_layer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mop/nn/cpu/lstm_backward.cc"
#include "hwy/foreach_target.h"  // compiles the part below once per instruction set

#include "hwy/highway.h"
#include "mop/nn/cpu/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mop::nn::cpu::HWY_NAMESPACE {
namespace {

constexpr std::size_t kRowsPerSum =
    kLanes >= 16 ? 256 : 128;  // dz of one block and that many rows stays in the caches

std::size_t block_count(std::size_t H) {
  return hwy::DivCeil(H, kLanes);
}

// A weight matrix (4H, columns) as right factor of dz: per panel of columns, per block, its 4 * lanes rows in
// the order of dz, filled up with zeros.
void pack_transposed(const float* weight, std::size_t H, std::size_t columns, float* HWY_RESTRICT out) {
  for (std::size_t first = 0; first < columns; first += kPanel) {
    const std::size_t count = std::min(kPanel, columns - first);
    for (std::size_t z = 0; z < block_count(H) * kPanel; ++z, out += kPanel) {
      const std::size_t gate = z % kPanel / kLanes, unit = z / kPanel * kLanes + z % kLanes;
      if (unit < H) std::copy_n(weight + (gate * H + unit) * columns + first, count, out);
      std::fill(out + (unit < H ? count : 0), out + kPanel, 0.0f);
    }
  }
}

// Adds dz (rows from dz on) times one panel of a packed matrix; dz's blocks are dz_block floats apart.
template <std::size_t kRows>
HWY_INLINE void multiply_dz(const float* dz, std::size_t dz_block, std::size_t blocks, const float* weights,
                            Tile<kRows>& tile) {
  for (std::size_t block = 0; block < blocks; ++block) {
    multiply_add({dz + block * dz_block, kPanel, 1}, weights + block * kPanel * kPanel, kPanel, kPanel, tile);
  }
}

// One block of units of one row. gates: activations in, dz out; dc: what the step after hands back in, what
// this step hands to the one before out.
HWY_INLINE void cell_backward(V dh, const float* h, const float* c_before, float* dc, float* gates) {
  const D d;
  const V one = hn::Set(d, 1.0f);
  const V i = hn::Load(d, gates), f = hn::Load(d, gates + kLanes);
  const V g = hn::Load(d, gates + 2 * kLanes), o = hn::Load(d, gates + 3 * kLanes);
  const V tanh_c = hn::Div(hn::Load(d, h), o);  // o is never 0
  const V dh_o = hn::Mul(dh, o);
  const V sum = hn::Add(hn::Load(d, dc), hn::Mul(dh_o, hn::NegMulAdd(tanh_c, tanh_c, one)));
  const V sum_i = hn::Mul(sum, i), sum_f = hn::Mul(sum, f);
  const V before = c_before ? hn::Load(d, c_before) : hn::Zero(d);
  hn::Store(hn::Mul(hn::Mul(sum_i, g), hn::Sub(one, i)), d, gates);
  hn::Store(hn::Mul(hn::Mul(sum_f, before), hn::Sub(one, f)), d, gates + kLanes);
  hn::Store(hn::Mul(sum_i, hn::NegMulAdd(g, g, one)), d, gates + 2 * kLanes);
  hn::Store(hn::Mul(hn::Mul(dh_o, tanh_c), hn::Sub(one, o)), d, gates + 3 * kLanes);
  hn::Store(sum_f, d, dc);
}

// What the next step back reads of a tile, into the second cache.
void draw_step_near(const LstmBackwardArgs& args, std::size_t t, std::size_t block, std::size_t blocks,
                    std::size_t row, std::size_t rows) {
  const std::size_t Hp = padded(args.size.hidden);
  for (std::size_t r = t * args.size.rows + row; r < t * args.size.rows + row + rows; ++r) {
    for (std::size_t b = block; b < block + blocks; ++b)
      draw_near(args.gates + b * gates_stride(args.size.steps * args.size.rows) + r * kPanel, kPanel);
    draw_near(args.dh + r * Hp + block * kLanes, blocks * kLanes);
    draw_near(args.h + r * Hp + block * kLanes, blocks * kLanes);
    if (t > 0) draw_near(args.c + (r - args.size.rows) * Hp + block * kLanes, blocks * kLanes);
  }
}

void backward_step(const LstmBackwardArgs& args, const float* weight_hh, std::size_t t) {
  const D d;
  const std::size_t H = args.size.hidden, Hp = padded(H), rows = args.size.rows, blocks = block_count(H);
  const std::size_t gates_block = gates_stride(args.size.steps * rows);
  for (std::size_t first = 0; first < blocks; first += kVectors) {  // units of one panel
    const float* weights = weight_hh + first / kVectors * blocks * kPanel * kPanel;
    const std::size_t vectors = std::min(kVectors, blocks - first);
    for_row_tiles(rows, [&](auto count, std::size_t row) HWY_ATTR {
      if (t > 0) draw_step_near(args, t - 1, first, vectors, row, count());
      Tile<count()> tile;
      clear(tile);
      if (t + 1 < args.size.steps) {
        multiply_dz(args.gates + ((t + 1) * rows + row) * kPanel, gates_block, blocks, weights, tile);
      }
      HWY_ALIGN float dh[count() * kPanel];
      store(tile, dh, kPanel);
      for (std::size_t v = 0; v < vectors; ++v) {
        const std::size_t unit = (first + v) * kLanes;
        for (std::size_t r = 0; r < count(); ++r) {
          const std::size_t at = (t * rows + row + r) * Hp + unit;
          const V sum = hn::Add(hn::Load(d, args.dh + at), hn::Load(d, dh + r * kPanel + v * kLanes));
          cell_backward(sum, args.h + at, t == 0 ? nullptr : args.c + at - rows * Hp,
                        args.dc + (row + r) * Hp + unit,
                        args.gates + (first + v) * gates_block + (t * rows + row + r) * kPanel);
        }
      }
    });
  }
}

// sums (columns, kPanel) += left' (columns, count) * dz (count, kPanel): left is read column by column.
// Meanwhile count rows at `next` are drawn into the second cache.
void add_product(const float* left, std::size_t left_row, std::size_t columns, const float* dz,
                 std::size_t count, float* sums, const float* next = nullptr) {
  const std::size_t share = hwy::DivCeil(count * kPanel, columns * kLine) * kLine;  // of next, per column
  for_row_tiles(columns, [&](auto width, std::size_t column) HWY_ATTR {
    if (next) draw_near(next + column * share, width() * share);
    Tile<width()> tile;
    clear(tile);
    multiply_add({left + column, 1, left_row}, dz, kPanel, count, tile);
    add_to(tile, sums + column * kPanel, kPanel);
  });
}

void add_rows(const float* dz, std::size_t count, float* sums) {
  const D d;
  Tile<1> tile;
  clear(tile);
  for (std::size_t row = 0; row < count; ++row) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      tile.v[0][v] = hn::Add(tile.v[0][v], hn::Load(d, dz + row * kPanel + v * kLanes));
    }
  }
  add_to(tile, sums, kPanel);
}

// What depends on x, of `count` rows: the gradients of the input weights and of the bias.
void add_input_sums(const LstmBackwardArgs& args, std::size_t first, const float* dz, std::size_t count,
                    float* sums) {
  const std::size_t I = args.size.inputs, H = args.size.hidden;
  add_product(args.x + first * args.x_row, args.x_row, I, dz, count, sums);
  add_rows(dz, count, sums + (I + H) * kPanel);
}

// to (shared.count, kPanel) += dz of each place.
void gather_shared(const std::int32_t* row_of, const float* dz, std::size_t count, float* to) {
  const D d;
  for (std::size_t i = 0; i < count; ++i, dz += kPanel) {
    float* sum = to + static_cast<std::size_t>(row_of[i]) * kPanel;
    for (std::size_t v = 0; v < kPanel; v += kLanes)
      hn::Store(hn::Add(hn::Load(d, sum + v), hn::Load(d, dz + v)), d, sum + v);
  }
}

void add_shared_sums(const LstmBackwardArgs& args, float* sums) {
  const std::size_t count = args.shared.count, stride = (args.size.inputs + args.size.hidden + 1) * kPanel;
  for (std::size_t from = 0; from < count; from += kRowsPerSum) {
    for (std::size_t block = 0; block < block_count(args.size.hidden); ++block) {
      const float* dz = args.shared.products + block * gates_stride(count) + from * kPanel;
      add_input_sums(args, from, dz, std::min(kRowsPerSum, count - from), sums + block * stride);
    }
  }
}

// Per block: inputs rows, hidden rows and the bias row of gradient sums, each (4 gates, lanes). Rows are
// summed in runs of kRowsPerSum, which also keeps the rounding of long sums small.
void sum_gradients(const LstmBackwardArgs& args, float* sums) {
  const std::size_t I = args.size.inputs, H = args.size.hidden, Hp = padded(H), rows = args.size.rows;
  const std::size_t total = args.size.steps * rows, stride = (I + H + 1) * kPanel;
  const SharedRows& shared = args.shared;
  std::fill_n(sums, block_count(H) * stride, 0.0f);
  if (shared.row_of) std::fill_n(shared.products, block_count(H) * gates_stride(shared.count), 0.0f);
  for (std::size_t from = 0; from < total; from += kRowsPerSum) {
    const std::size_t to = std::min(total, from + kRowsPerSum);
    const std::size_t from_hh = std::max(from, rows);  // the first step has no state before it
    for (std::size_t block = 0; block < block_count(H); ++block) {
      const float* dz = args.gates + block * gates_stride(total);
      float* out = sums + block * stride;
      if (shared.row_of) {
        gather_shared(shared.row_of + from, dz + from * kPanel, to - from,
                      shared.products + block * gates_stride(shared.count));
      } else {
        add_input_sums(args, from, dz + from * kPanel, to - from, out);
      }
      if (from_hh < to) {
        const float* next = block + 1 < block_count(H) ? dz + gates_stride(total) + from * kPanel
                            : to < total               ? args.gates + to * kPanel
                                                       : nullptr;
        add_product(args.h + (from_hh - rows) * Hp, Hp, H, dz + from_hh * kPanel, to - from_hh,
                    out + I * kPanel, next);
      }
    }
  }
  if (shared.row_of) add_shared_sums(args, sums);
}

void unpack_gradients(const LstmBackwardArgs& args, const float* sums) {
  const std::size_t I = args.size.inputs, H = args.size.hidden, stride = (I + H + 1) * kPanel;
  for (std::size_t row = 0; row < 4 * H; ++row) {
    const std::size_t gate = row / H, unit = row % H;
    const float* from = sums + unit / kLanes * stride + gate * kLanes + unit % kLanes;
    for (std::size_t k = 0; k < I; ++k, from += kPanel)
      args.dweight_ih[row * I + k] = *from;
    for (std::size_t k = 0; k < H; ++k, from += kPanel)
      args.dweight_hh[row * H + k] = *from;
    args.dbias_ih[row] = args.dbias_hh[row] = *from;
  }
}

void input_gradient(const LstmBackwardArgs& args, const float* weight_ih) {
  const D d;
  const std::size_t blocks = block_count(args.size.hidden), total = args.size.steps * args.size.rows;
  const std::size_t Ip = padded(args.size.inputs), input_vectors = hwy::DivCeil(args.size.inputs, kLanes);
  for (std::size_t first = 0; first < input_vectors; first += kVectors) {
    const float* weights = weight_ih + first / kVectors * blocks * kPanel * kPanel;
    const std::size_t vectors = std::min(kVectors, input_vectors - first);
    for_row_tiles(total, [&](auto count, std::size_t row) HWY_ATTR {
      Tile<count()> tile;
      clear(tile);
      multiply_dz(args.gates + row * kPanel, gates_stride(total), blocks, weights, tile);
      HWY_ALIGN float dx[count() * kPanel];
      store(tile, dx, kPanel);
      for (std::size_t r = 0; r < count(); ++r) {
        for (std::size_t v = 0; v < vectors; ++v) {
          const std::size_t at = (row + r) * Ip + (first + v) * kLanes;
          const V value = hn::Load(d, dx + r * kPanel + v * kLanes);
          hn::Store(args.factors ? hn::Mul(value, hn::Load(d, args.factors + at)) : value, d, args.dx + at);
        }
      }
    });
  }
}

void backward(const LstmBackwardArgs& args) {
  const std::size_t I = args.size.inputs, H = args.size.hidden, gates = block_count(H) * kPanel;
  float* weight_hh = args.packed;
  float* weight_ih = weight_hh + gates * padded_to_panel(H);
  float* sums = weight_ih + gates * padded_to_panel(I);

  pack_transposed(args.params.weight_hh, H, H, weight_hh);
  std::fill_n(args.dc, args.size.rows * padded(H), 0.0f);
  for (std::size_t t = args.size.steps; t-- > 0;)
    backward_step(args, weight_hh, t);
  sum_gradients(args, sums);
  unpack_gradients(args, sums);
  if (args.dx) {
    pack_transposed(args.params.weight_ih, H, I, weight_ih);
    input_gradient(args, weight_ih);
  }
}

}  // namespace
}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mop::nn::cpu {

HWY_EXPORT(backward);

void lstm_backward(const LstmBackwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(backward)(args);
}

}  // namespace mop::nn::cpu
#endif
