#include "mop/nn/bf16.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "mop/base/check.h"

namespace mop::nn {
namespace {

constexpr std::uint32_t kLowerHalf = 0xFFFF;

float nearest_bf16(float value) {
  if (std::isnan(value)) return value;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t odd = bits >> 16 & 1;
  return std::bit_cast<float>((bits + kLowerHalf / 2 + odd) & ~kLowerHalf);
}

}  // namespace

bool are_bf16(std::span<const float> values) {
  return std::ranges::all_of(
      values, [](float value) { return (std::bit_cast<std::uint32_t>(value) & kLowerHalf) == 0; });
}

void round_recurrent_weights(const ParamLayout& layout, std::span<float> params) {
  MOP_CHECK(params.size() == layout.size()) << params.size() << " != " << layout.size();
  const NetShape& shape = layout.shape();
  for (std::size_t branch = 0; branch < shape.branches.size(); ++branch) {
    for (std::size_t l = 0; l < shape.layers; ++l)
      std::ranges::transform(
          params.subspan(layout.layer(branch, l).weight_hh, 4 * shape.hidden * shape.hidden),
          &params[layout.layer(branch, l).weight_hh], nearest_bf16);
  }
}

}  // namespace mop::nn
