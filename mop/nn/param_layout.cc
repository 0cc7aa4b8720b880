#include "mop/nn/param_layout.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/base/rng.h"

namespace mop::nn {

ParamLayout::ParamLayout(const NetShape& shape) : shape_(shape) {
  const auto valid = shape.validate();
  MOP_CHECK(valid.has_value()) << valid.error().message;
  const std::size_t H = shape.hidden;
  for (const BranchShape& branch : shape.branches) {
    for (std::size_t l = 0; l < shape.layers; ++l) {
      LayerOffsets at{};
      at.inputs = l == 0 ? branch.inputs : H;
      at.weight_ih = add(fmt::format("{}.weight_ih_l{}", branch.prefix, l), {4 * H, at.inputs});
      at.weight_hh = add(fmt::format("{}.weight_hh_l{}", branch.prefix, l), {4 * H, H});
      at.bias_ih = add(fmt::format("{}.bias_ih_l{}", branch.prefix, l), {4 * H});
      at.bias_hh = add(fmt::format("{}.bias_hh_l{}", branch.prefix, l), {4 * H});
      layers_.push_back(at);
    }
  }
  head_weight_ = add("head.weight", {shape.outputs, shape.head_inputs()});
  head_bias_ = add("head.bias", {shape.outputs});
}

std::size_t ParamLayout::add(std::string name, std::vector<std::size_t> dims) {
  const std::size_t offset = size_;
  const std::size_t size = std::accumulate(dims.begin(), dims.end(), std::size_t{1}, std::multiplies<>());
  tensors_.push_back({std::move(name), std::move(dims), offset, size});
  size_ += size;
  return offset;
}

const Tensor& ParamLayout::find(std::string_view name) const {
  const auto it =
      std::find_if(tensors_.begin(), tensors_.end(), [name](const Tensor& t) { return t.name == name; });
  MOP_CHECK(it != tensors_.end()) << "no tensor " << name;
  return *it;
}

const LayerOffsets& ParamLayout::layer(std::size_t branch, std::size_t layer) const {
  MOP_CHECK(branch < shape_.branches.size() && layer < shape_.layers) << branch << " " << layer;
  return layers_[branch * shape_.layers + layer];
}

void init_params(const ParamLayout& layout, std::uint64_t seed, std::span<float> params) {
  MOP_CHECK(params.size() == layout.size()) << params.size() << " != " << layout.size();
  constexpr std::uint64_t kInitStream = 0x696e6974;  // "init": apart from every other use of the seed
  Rng rng(seed, kInitStream);
  const std::size_t H = layout.shape().hidden;
  const double bound = 1.0 / std::sqrt(static_cast<double>(H));
  for (float& p : params.first(layout.head_weight())) {
    p = static_cast<float>((2.0 * rng.uniform() - 1.0) * bound);
  }
  for (std::size_t branch = 0; branch < layout.shape().branches.size(); ++branch) {
    for (std::size_t l = 0; l < layout.shape().layers; ++l) {
      const LayerOffsets& at = layout.layer(branch, l);
      std::ranges::fill(params.subspan(at.bias_ih + H, H), 1.0f);
      std::ranges::fill(params.subspan(at.bias_hh + H, H), 0.0f);
    }
  }
  std::ranges::fill(params.subspan(layout.head_weight()), 0.0f);
}

}  // namespace mop::nn
