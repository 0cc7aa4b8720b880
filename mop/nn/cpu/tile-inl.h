// The one inner loop of every matrix product here: a tile of rows times a panel of four vectors of columns,
// kept in registers. Compiled once per instruction set (Highway's foreach_target).
//
// Each value is one chain acc = a_k * b_k + acc over ascending k, whatever the number of rows in the tile.
// So a row's result does not depend on which rows it is computed with, which is what makes the output of a
// sequence independent of its batch.
#if defined(MOP_NN_CPU_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOP_NN_CPU_TILE_INL_H
#undef MOP_NN_CPU_TILE_INL_H
#else
#define MOP_NN_CPU_TILE_INL_H
#endif

#include <cstddef>
#include <type_traits>

#include "hwy/highway.h"
#include "mop/nn/cpu/aligned_buffer.h"

HWY_BEFORE_NAMESPACE();
namespace mop::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
inline constexpr std::size_t kLanes = hn::MaxLanes(D());
inline constexpr std::size_t kVectors = 4;  // columns of a panel: the four gates of kLanes units
inline constexpr std::size_t kPanel = kVectors * kLanes;
// 4 * kTileRows accumulators, 4 columns and one broadcast must fit the vector registers: 32 or 16.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr std::size_t kTileRows = 6;
#else
inline constexpr std::size_t kTileRows = 3;
#endif

template <std::size_t kRows>
struct Tile {
  V v[kRows][kVectors];
};

/// A row of the left factor is at a + row * row_stride, its k-th value k * k_stride behind; k of the right
/// factor is the kPanel floats at b + k * b_stride, aligned.
struct Left {
  const float* a;
  std::size_t row_stride, k_stride;
};

template <std::size_t kRows>
HWY_INLINE void multiply_add(const Left& left, const float* HWY_RESTRICT b, std::size_t b_stride,
                             std::size_t count, Tile<kRows>& tile) {
  const D d;
  const float* HWY_RESTRICT a = left.a;
  for (const float* const end = b + count * b_stride; b != end; b += b_stride) {
    const V b0 = hn::Load(d, b), b1 = hn::Load(d, b + kLanes);
    const V b2 = hn::Load(d, b + 2 * kLanes), b3 = hn::Load(d, b + 3 * kLanes);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) {
      const V value = hn::Set(d, a[r * left.row_stride]);
      tile.v[r][0] = hn::MulAdd(value, b0, tile.v[r][0]);
      tile.v[r][1] = hn::MulAdd(value, b1, tile.v[r][1]);
      tile.v[r][2] = hn::MulAdd(value, b2, tile.v[r][2]);
      tile.v[r][3] = hn::MulAdd(value, b3, tile.v[r][3]);
    }
    a += left.k_stride;
  }
}

/// Keeps a value that is used more than once in its register: GCC would read it from memory at each use.
template <class Vec>
HWY_INLINE void keep_in_register(Vec& v) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  __asm__("" : "+v"(v.raw));
#else
  (void)v;
#endif
}

/// Floats from one block's gates to the next: with nothing between them, blocks would share cache sets.
constexpr std::size_t gates_stride(std::size_t steps_times_rows) {
  return steps_times_rows * kPanel + kGatesPad;
}

/// Into the second cache. `from` is aligned to a cache line.
HWY_INLINE void draw_near(const float* from, std::size_t count) {
  for (std::size_t i = 0; i < count; i += kLine)
    __builtin_prefetch(from + i, 0, 2);
}

template <std::size_t kRows>
HWY_INLINE void clear(Tile<kRows>& tile) {
  const D d;
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v)
      tile.v[r][v] = hn::Zero(d);
  }
}

/// Every row starts with the same kPanel values, e.g. biases.
template <std::size_t kRows>
HWY_INLINE void fill(Tile<kRows>& tile, const float* values) {
  const D d;
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v)
      tile.v[r][v] = hn::Load(d, values + v * kLanes);
  }
}

/// Rows of `from` are `stride` floats apart, aligned.
template <std::size_t kRows>
HWY_INLINE void load(Tile<kRows>& tile, const float* from, std::size_t stride) {
  const D d;
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v)
      tile.v[r][v] = hn::Load(d, from + r * stride + v * kLanes);
  }
}

/// Rows of `to` are `stride` floats apart, aligned.
template <std::size_t kRows>
HWY_INLINE void store(const Tile<kRows>& tile, float* to, std::size_t stride) {
  const D d;
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v)
      hn::Store(tile.v[r][v], d, to + r * stride + v * kLanes);
  }
}

template <std::size_t kRows>
HWY_INLINE void add_to(const Tile<kRows>& tile, float* to, std::size_t stride) {
  const D d;
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      float* at = to + r * stride + v * kLanes;
      hn::Store(hn::Add(hn::Load(d, at), tile.v[r][v]), d, at);
    }
  }
}

/// Calls f(rows as a constant, first row) for tiles that cover 0..rows-1.
template <class F>
HWY_INLINE void for_row_tiles(std::size_t rows, const F& f) {
  std::size_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows)
    f(std::integral_constant<std::size_t, kTileRows>(), row);
  switch (rows - row) {
    case 1:
      return f(std::integral_constant<std::size_t, 1>(), row);
    case 2:
      return f(std::integral_constant<std::size_t, 2>(), row);
    case 3:
      return f(std::integral_constant<std::size_t, 3>(), row);
    case 4:
      return f(std::integral_constant<std::size_t, 4>(), row);
    case 5:
      return f(std::integral_constant<std::size_t, 5>(), row);
    default:
      return;
  }
}

}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MOP_NN_CPU_TILE_INL_H
