// The linear head: y = W x + b over many rows.
#pragma once
#include <cstddef>

namespace mop::nn::cpu {

struct DenseArgs {
  std::size_t rows, inputs, outputs;
  const float* weight;  // (outputs, inputs)
  const float* bias;    // (outputs)
  const float* x;       // (rows, padded_to_panel(inputs)), zeros behind the inputs
  float* work;          // dense_work_size floats
};

struct DenseGradients {
  const float* dy;  // (rows, outputs)
  float* dweight;   // out (outputs, inputs)
  float* dbias;     // out (outputs)
  float* dx;        // out (rows, padded_to_panel(inputs))
};

std::size_t dense_work_size(const DenseArgs& args);

/// y (rows, outputs).
void dense_forward(const DenseArgs& args, float* y);
void dense_backward(const DenseArgs& args, const DenseGradients& gradients);

}  // namespace mop::nn::cpu
