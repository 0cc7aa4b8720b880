// dropout_factors (sequence_batch.h) for many rows of a layer at once, with vectors.
#pragma once
#include <cstddef>

#include "mop/nn/sequence_batch.h"

namespace mop::nn::cpu {

struct DropoutArgs {
  Dropout dropout;
  std::size_t branch, layer;
  std::size_t first, rows;  // sequences of the batch
  std::size_t steps, hidden;
  const float* h;  // (steps, rows, padded(hidden))
  float* factors;  // out, same shape; bit-equal to dropout_factors, 0 in the padding
  float* dropped;  // out, same shape: h * factors
};

void apply_dropout(const DropoutArgs& args);

}  // namespace mop::nn::cpu
