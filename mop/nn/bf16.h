// bfloat16 values: floats whose lower 16 bits are zero, so that the upper half is all there is to keep.
#pragma once
#include <span>

#include "mop/nn/param_layout.h"

namespace mop::nn {

/// True when all values are bfloat16 values.
bool are_bf16(std::span<const float> values);

/// Takes every recurrent weight (weight_hh) to the nearest bfloat16 value, within 1/256 of it, ties to even;
/// what is no number stays. REQUIRES: params.size() == layout.size().
void round_recurrent_weights(const ParamLayout& layout, std::span<float> params);

}  // namespace mop::nn
