// The LSTM layer's backward pass: back through the steps to the gradients of the gates' inputs (dz, which
// takes the place of the gates), then the gradients of weights and inputs as products over all steps. Those
// of weights are sums over all sequences, so they wait in `sums` until the last ones are through.
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

// Where the input weights begin behind those of the state.
std::size_t packed_weight_ih(std::size_t H) {
  return block_count(H) * kPanel * padded_to_panel(H);
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

// Blocks of dz whose weights for one panel, 16 KiB, stay in the first cache while all rows are multiplied.
constexpr std::size_t kBlocksAtOnce = std::max<std::size_t>(1, 4096 / (kPanel * kPanel));

// to (rows, kPanel) = dz (rows from dz on) times one panel of a packed matrix; dz's blocks are dz_block
// floats apart.
void multiply_dz(const float* dz, std::size_t dz_block, std::size_t blocks, const float* weights,
                 std::size_t rows, float* to) {
  for (std::size_t first = 0; first < blocks; first += kBlocksAtOnce) {
    const std::size_t end = std::min(blocks, first + kBlocksAtOnce);
    for_row_tiles(rows, [&](auto count, std::size_t row) HWY_ATTR {
      Tile<count()> tile;
      if (first == 0) {
        clear(tile);
      } else {
        load(tile, to + row * kPanel, kPanel);
      }
      for (std::size_t block = first; block < end; ++block) {
        multiply_add({dz + block * dz_block + row * kPanel, kPanel, 1}, weights + block * kPanel * kPanel,
                     kPanel, kPanel, tile);
      }
      store(tile, to + row * kPanel, kPanel);
    });
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

void backward_step(const LstmBackwardArgs& args, std::size_t t) {
  const D d;
  const std::size_t H = args.size.hidden, Hp = padded(H), rows = args.size.rows, blocks = block_count(H);
  const std::size_t gates_block = gates_stride(args.size.steps * rows);
  float* products = args.products;
  for (std::size_t first = 0; first < blocks; first += kVectors) {  // units of one panel
    const std::size_t vectors = std::min(kVectors, blocks - first);
    if (t + 1 < args.size.steps) {
      multiply_dz(args.gates + (t + 1) * rows * kPanel, gates_block, blocks,
                  args.packed + first / kVectors * blocks * kPanel * kPanel, rows, products);
    } else {
      std::fill_n(products, rows * kPanel, 0.0f);
    }
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t v = 0; v < vectors; ++v) {
        const std::size_t unit = (first + v) * kLanes, at = (t * rows + row) * Hp + unit;
        const V sum = hn::Add(hn::Load(d, args.dh + at), hn::Load(d, products + row * kPanel + v * kLanes));
        cell_backward(sum, args.h + at, t == 0 ? nullptr : args.c + at - rows * Hp, args.dc + row * Hp + unit,
                      args.gates + (first + v) * gates_block + (t * rows + row) * kPanel);
      }
    }
  }
}

// sums (columns, kPanel) += left' (columns, count) * dz (count, kPanel): left is read column by column.
void add_product(const float* left, std::size_t left_row, std::size_t columns, const float* dz,
                 std::size_t count, float* sums) {
  for_row_tiles(columns, [&](auto width, std::size_t column) HWY_ATTR {
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

std::size_t sums_stride(std::size_t I, std::size_t H) {
  return (I + H + 1) * kPanel;
}

// What depends on x (count, I), whose rows are x_row floats apart: the gradients of the input weights and of
// the bias.
void add_input_sums(std::size_t I, std::size_t H, const float* x, std::size_t x_row, const float* dz,
                    std::size_t count, float* sums) {
  add_product(x, x_row, I, dz, count, sums);
  add_rows(dz, count, sums + (I + H) * kPanel);
}

// to (distinct rows, kPanel) += dz of each place.
void gather_shared(const std::int32_t* row_of, const float* dz, std::size_t count, float* to) {
  const D d;
  for (std::size_t i = 0; i < count; ++i, dz += kPanel) {
    float* sum = to + static_cast<std::size_t>(row_of[i]) * kPanel;
    for (std::size_t v = 0; v < kPanel; v += kLanes)
      hn::Store(hn::Add(hn::Load(d, sum + v), hn::Load(d, dz + v)), d, sum + v);
  }
}

void add_shared(std::size_t I, std::size_t H, const float* x, std::size_t count, const float* shared_sums,
                float* sums) {
  for (std::size_t from = 0; from < count; from += kRowsPerSum) {
    for (std::size_t block = 0; block < block_count(H); ++block) {
      add_input_sums(I, H, x + from * I, I, shared_sums + block * gates_stride(count) + from * kPanel,
                     std::min(kRowsPerSum, count - from), sums + block * sums_stride(I, H));
    }
  }
}

// Per block: inputs rows, hidden rows and the bias row of gradient sums, each (4 gates, lanes). Rows are
// summed in runs of kRowsPerSum, which also keeps the rounding of long sums small.
void sum_gradients(const LstmBackwardArgs& args) {
  const std::size_t I = args.size.inputs, H = args.size.hidden, Hp = padded(H), rows = args.size.rows;
  const std::size_t total = args.size.steps * rows;
  for (std::size_t from = 0; from < total; from += kRowsPerSum) {
    const std::size_t to = std::min(total, from + kRowsPerSum);
    const std::size_t from_hh = std::max(from, rows);  // the first step has no state before it
    for (std::size_t block = 0; block < block_count(H); ++block) {
      const float* dz = args.gates + block * gates_stride(total);
      float* out = args.sums + block * sums_stride(I, H);
      if (args.shared_row_of) {
        gather_shared(args.shared_row_of + from, dz + from * kPanel, to - from,
                      args.shared_sums + block * gates_stride(args.shared_count));
      } else {
        add_input_sums(I, H, args.x + from * args.x_row, args.x_row, dz + from * kPanel, to - from, out);
      }
      if (from_hh < to) {
        add_product(args.h + (from_hh - rows) * Hp, Hp, H, dz + from_hh * kPanel, to - from_hh,
                    out + I * kPanel);
      }
    }
  }
}

void unpack_gradients(std::size_t I, std::size_t H, const float* sums, const LayerGradients& to) {
  for (std::size_t row = 0; row < 4 * H; ++row) {
    const std::size_t gate = row / H, unit = row % H;
    const float* from = sums + unit / kLanes * sums_stride(I, H) + gate * kLanes + unit % kLanes;
    for (std::size_t k = 0; k < I; ++k, from += kPanel)
      to.weight_ih[row * I + k] = *from;
    for (std::size_t k = 0; k < H; ++k, from += kPanel)
      to.weight_hh[row * H + k] = *from;
    to.bias_ih[row] = to.bias_hh[row] = *from;
  }
}

void input_gradient(const LstmBackwardArgs& args) {
  const D d;
  const float* weight_ih = args.packed + packed_weight_ih(args.size.hidden);
  const std::size_t blocks = block_count(args.size.hidden), total = args.size.steps * args.size.rows;
  const std::size_t Ip = padded(args.size.inputs), input_vectors = hwy::DivCeil(args.size.inputs, kLanes);
  for (std::size_t from = 0; from < total; from += args.size.rows) {
    for (std::size_t first = 0; first < input_vectors; first += kVectors) {
      const std::size_t vectors = std::min(kVectors, input_vectors - first);
      multiply_dz(args.gates + from * kPanel, gates_stride(total), blocks,
                  weight_ih + first / kVectors * blocks * kPanel * kPanel, args.size.rows, args.products);
      for (std::size_t row = 0; row < args.size.rows; ++row) {
        for (std::size_t v = 0; v < vectors; ++v) {
          const std::size_t at = (from + row) * Ip + (first + v) * kLanes;
          const V value = hn::Load(d, args.products + row * kPanel + v * kLanes);
          hn::Store(args.factors ? hn::Mul(value, hn::Load(d, args.factors + at)) : value, d, args.dx + at);
        }
      }
    }
  }
}

void pack_backward(std::size_t I, std::size_t H, const LayerParams& params, bool input_gradient,
                   float* packed) {
  pack_transposed(params.weight_hh, H, H, packed);
  if (input_gradient) pack_transposed(params.weight_ih, H, I, packed + packed_weight_ih(H));
}

void backward(const LstmBackwardArgs& args) {
  std::fill_n(args.dc, args.size.rows * padded(args.size.hidden), 0.0f);
  for (std::size_t t = args.size.steps; t-- > 0;)
    backward_step(args, t);
  sum_gradients(args);
  if (args.dx) input_gradient(args);
}

}  // namespace
}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mop::nn::cpu {

HWY_EXPORT(pack_backward);
HWY_EXPORT(backward);
HWY_EXPORT(add_shared);
HWY_EXPORT(unpack_gradients);

std::size_t backward_packed_size(std::size_t inputs, std::size_t hidden) {
  return 4 * in_whole_vectors(hidden) * (padded_to_panel(hidden) + padded_to_panel(inputs));
}

std::size_t gradient_sums_size(std::size_t inputs, std::size_t hidden) {
  return 4 * in_whole_vectors(hidden) * (inputs + hidden + 1);
}

void lstm_pack_backward(std::size_t inputs, std::size_t hidden, const LayerParams& params,
                        bool input_gradient, float* packed) {
  HWY_DYNAMIC_DISPATCH(pack_backward)(inputs, hidden, params, input_gradient, packed);
}

void lstm_backward(const LstmBackwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(backward)(args);
}

void lstm_add_shared(std::size_t inputs, std::size_t hidden, const float* x, std::size_t count,
                     const float* shared_sums, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_shared)(inputs, hidden, x, count, shared_sums, sums);
}

void lstm_unpack_gradients(std::size_t inputs, std::size_t hidden, const float* sums,
                           const LayerGradients& gradients) {
  HWY_DYNAMIC_DISPATCH(unpack_gradients)(inputs, hidden, sums, gradients);
}

}  // namespace mop::nn::cpu
#endif
