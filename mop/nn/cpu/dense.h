// The linear head: y = W x + b over many rows.
#pragma once
#include <cstddef>

namespace mop::nn::cpu {

struct DenseForwardArgs {
  std::size_t rows, inputs, outputs;
  const float* packed;  // weights, from dense_pack
  const float* x;       // (rows, padded_to_panel(inputs)), zeros behind the inputs
};

struct DenseArgs {
  std::size_t rows, inputs, outputs;
  const float* weight;  // (outputs, inputs)
  const float* x;       // as in the forward pass
  float* work;          // dense_work_size floats
};

struct DenseGradients {
  const float* dy;  // (rows, outputs)
  float* dweight;   // added to (outputs, inputs)
  float* dbias;     // added to (outputs)
  float* dx;        // out (rows, padded_to_panel(inputs))
};

std::size_t dense_packed_size(std::size_t inputs, std::size_t outputs);
std::size_t dense_work_size(const DenseArgs& args);

/// weight (outputs, inputs) and bias (outputs) in the order dense_forward reads them.
void dense_pack(std::size_t inputs, std::size_t outputs, const float* weight, const float* bias,
                float* packed);
/// y (rows, outputs).
void dense_forward(const DenseForwardArgs& args, float* y);
void dense_backward(const DenseArgs& args, const DenseGradients& gradients);

}  // namespace mop::nn::cpu
