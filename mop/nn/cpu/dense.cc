#include "mop/nn/cpu/dense.h"

#include <algorithm>

#include "mop/nn/cpu/aligned_buffer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mop/nn/cpu/dense.cc"
#include "hwy/foreach_target.h"  // compiles the part below once per instruction set

#include "hwy/highway.h"
#include "mop/nn/cpu/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mop::nn::cpu::HWY_NAMESPACE {
namespace {

constexpr std::size_t kRowsPerSum = 256;

// Per panel of outputs: its biases, then inputs rows of kPanel weights; zeros where the last one sticks out.
void pack(std::size_t K, std::size_t outputs, const float* weight, const float* bias, float* packed) {
  for (std::size_t first = 0; first < outputs; first += kPanel, packed += (1 + K) * kPanel) {
    std::fill_n(packed, (1 + K) * kPanel, 0.0f);
    for (std::size_t o = 0; o < std::min(kPanel, outputs - first); ++o) {
      packed[o] = bias[first + o];
      for (std::size_t k = 0; k < K; ++k)
        packed[(1 + k) * kPanel + o] = weight[(first + o) * K + k];
    }
  }
}

void forward(const DenseForwardArgs& args, float* y) {
  const std::size_t K = args.inputs, Kp = padded_to_panel(K), outputs = args.outputs;
  const float* packed = args.packed;
  for (std::size_t first = 0; first < outputs; first += kPanel, packed += (1 + K) * kPanel) {
    const std::size_t count = std::min(kPanel, outputs - first);
    for_row_tiles(args.rows, [&](auto rows, std::size_t row) HWY_ATTR {
      Tile<rows()> tile;
      fill(tile, packed);
      multiply_add({args.x + row * Kp, Kp, 1}, packed + kPanel, kPanel, K, tile);
      HWY_ALIGN float values[rows() * kPanel];
      store(tile, values, kPanel);
      for (std::size_t r = 0; r < rows(); ++r) {  // y is not padded: the last panel may stick out
        std::copy_n(values + r * kPanel, count, y + (row + r) * outputs + first);
      }
    });
  }
}

void input_gradient(const DenseArgs& args, const DenseGradients& out) {
  const std::size_t K = args.inputs, Kp = padded_to_panel(K), outputs = args.outputs;
  float* weight = args.work;  // (outputs, Kp)
  for (std::size_t o = 0; o < outputs; ++o) {
    std::copy_n(args.weight + o * K, K, weight + o * Kp);
    std::fill(weight + o * Kp + K, weight + (o + 1) * Kp, 0.0f);
  }
  for (std::size_t first = 0; first < Kp; first += kPanel) {
    for_row_tiles(args.rows, [&](auto rows, std::size_t row) HWY_ATTR {
      Tile<rows()> tile;
      clear(tile);
      multiply_add({out.dy + row * outputs, outputs, 1}, weight + first, Kp, outputs, tile);
      store(tile, out.dx + row * Kp + first, Kp);
    });
  }
}

void weight_gradient(const DenseArgs& args, const DenseGradients& out) {
  const std::size_t K = args.inputs, Kp = padded_to_panel(K), outputs = args.outputs;
  float* sums = args.work;  // (outputs, Kp)
  std::fill_n(sums, outputs * Kp, 0.0f);
  for (std::size_t from = 0; from < args.rows; from += kRowsPerSum) {
    const std::size_t count = std::min(kRowsPerSum, args.rows - from);
    const float* dy = out.dy + from * outputs;
    for (std::size_t first = 0; first < Kp; first += kPanel) {
      for_row_tiles(outputs, [&](auto width, std::size_t o) HWY_ATTR {
        Tile<width()> tile;
        clear(tile);
        multiply_add({dy + o, 1, outputs}, args.x + from * Kp + first, Kp, count, tile);
        add_to(tile, sums + o * Kp + first, Kp);
      });
    }
    for (std::size_t row = 0; row < count; ++row) {
      for (std::size_t o = 0; o < outputs; ++o)
        out.dbias[o] += dy[row * outputs + o];
    }
  }
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t k = 0; k < K; ++k)
      out.dweight[o * K + k] += sums[o * Kp + k];
  }
}

void backward(const DenseArgs& args, const DenseGradients& out) {
  input_gradient(args, out);
  weight_gradient(args, out);
}

}  // namespace
}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mop::nn::cpu {

HWY_EXPORT(pack);
HWY_EXPORT(forward);
HWY_EXPORT(backward);

std::size_t dense_packed_size(std::size_t inputs, std::size_t outputs) {
  return (1 + inputs) * padded_to_panel(outputs);
}

std::size_t dense_work_size(const DenseArgs& args) {
  return args.outputs * padded_to_panel(args.inputs);
}

void dense_pack(std::size_t inputs, std::size_t outputs, const float* weight, const float* bias,
                float* packed) {
  HWY_DYNAMIC_DISPATCH(pack)(inputs, outputs, weight, bias, packed);
}

void dense_forward(const DenseForwardArgs& args, float* y) {
  HWY_DYNAMIC_DISPATCH(forward)(args, y);
}

void dense_backward(const DenseArgs& args, const DenseGradients& gradients) {
  HWY_DYNAMIC_DISPATCH(backward)(args, gradients);
}

}  // namespace mop::nn::cpu
#endif
