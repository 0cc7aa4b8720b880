// Where every weight of a network lies in one flat vector. All devices, the optimiser and the model file use
// this one layout, so that a model trained on one device serves on any other unchanged.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/nn/shapes.h"

namespace mop::nn {

struct Tensor {
  std::string name;               // PyTorch's: "lstm.weight_ih_l0", "head.bias"
  std::vector<std::size_t> dims;  // row-major
  std::size_t offset;             // of its first element in the flat vector, in floats
  std::size_t size;               // product of dims
};

/// Offsets of the four tensors of one LSTM layer. Rows come gate by gate in the order i f g o.
struct LayerOffsets {
  std::size_t inputs;     // I: the branch's inputs for layer 0, hidden above
  std::size_t weight_ih;  // (4H, I)
  std::size_t weight_hh;  // (4H, H)
  std::size_t bias_ih;    // (4H)
  std::size_t bias_hh;    // (4H); both biases are kept, as PyTorch does
};

/// Tensors without gaps: per branch, per layer weight_ih, weight_hh, bias_ih, bias_hh; then head.weight
/// (outputs, hidden * branches) and head.bias (outputs).
class ParamLayout {
 public:
  /// REQUIRES: shape.validate() succeeds.
  explicit ParamLayout(const NetShape& shape);

  const NetShape& shape() const { return shape_; }
  std::span<const Tensor> tensors() const { return tensors_; }
  std::size_t size() const { return size_; }  // floats in all tensors together
  /// REQUIRES: the tensor exists; asking for another is a bug.
  const Tensor& find(std::string_view name) const;

  const LayerOffsets& layer(std::size_t branch, std::size_t layer) const;
  std::size_t head_weight() const { return head_weight_; }
  std::size_t head_bias() const { return head_bias_; }

 private:
  std::size_t add(std::string name, std::vector<std::size_t> dims);

  NetShape shape_;
  std::vector<Tensor> tensors_;
  std::vector<LayerOffsets> layers_;  // (branches, layers)
  std::size_t head_weight_ = 0, head_bias_ = 0, size_ = 0;
};

/// Fresh weights, a function of (layout, seed): LSTM uniform in +-1/sqrt(hidden) as PyTorch draws them, but
/// the forget gate starts open (bias_ih 1, bias_hh 0; Jozefowicz et al., ICML 2015) and the head starts at
/// zero, so that an untrained model gives exactly its baseline. REQUIRES: params.size() == layout.size().
void init_params(const ParamLayout& layout, std::uint64_t seed, std::span<float> params);

}  // namespace mop::nn
