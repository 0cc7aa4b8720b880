// The specification of the network in code: double precision, plain loops, no tricks. Slow; every device is
// tested against it.
#pragma once
#include <span>
#include <vector>

#include "mop/nn/param_layout.h"
#include "mop/nn/sequence_batch.h"

namespace mop::nn::reference {

/// One LSTM layer at one step of one sequence (PyTorch's nn.LSTM):
///
///   i = sigmoid(W_ii x + b_ii + W_hi h' + b_hi)      c = f * c' + i * g
///   f = sigmoid(W_if x + b_if + W_hf h' + b_hf)      h = o * tanh(c)
///   g = tanh   (W_ig x + b_ig + W_hg h' + b_hg)
///   o = sigmoid(W_io x + b_io + W_ho h' + b_ho)      h' and c' of the step before, 0 at the first
class LstmReference {
 public:
  explicit LstmReference(const NetShape& shape) : layout_(shape) {}

  const ParamLayout& layout() const { return layout_; }

  /// y (S, B, outputs). Keeps what backward needs.
  std::vector<double> forward(const SequenceBatch& batch, std::span<const double> params,
                              const Dropout& dropout = {});

  /// Gradient of sum(dy * y) over all parameters, in the layout's order. `batch` and `params` are those of
  /// the last forward().
  std::vector<double> backward(const SequenceBatch& batch, std::span<const double> params,
                               std::span<const double> dy) const;

 private:
  struct LayerTrace {             // of one layer of one branch
    std::vector<double> x;        // (T, B, I): its inputs, after dropout
    std::vector<double> gates;    // (T, B, 4H): i f g o after their activations
    std::vector<double> c, h;     // (T, B, H)
    std::vector<double> factors;  // (T, B, H): dropout on the way to the layer above
  };

  LayerTrace run_layer(const LayerOffsets& at, std::size_t steps, std::size_t batch, std::vector<double> x,
                       std::span<const double> params) const;
  void drop_units(LayerTrace& trace, const Dropout& dropout, std::size_t branch, std::size_t layer,
                  std::size_t batch) const;
  std::vector<double> run_head(const SequenceBatch& batch, std::span<const double> params) const;
  static std::size_t read_row(const SequenceBatch& batch, std::size_t branch, std::size_t row);

  std::vector<double> backward_head(const SequenceBatch& batch, std::span<const double> params,
                                    std::span<const double> dy, std::size_t branch,
                                    std::span<double> grads) const;
  void backward_cell(const LayerTrace& trace, std::size_t row, std::size_t batch, const double* dh,
                     double* dc, double* dz) const;
  std::vector<double> backward_layer(const LayerOffsets& at, const LayerTrace& trace, std::size_t batch,
                                     std::span<const double> params, std::vector<double> dh,
                                     std::span<double> grads) const;

  ParamLayout layout_;
  std::vector<std::vector<LayerTrace>> traces_;  // (branches, layers)
};

}  // namespace mop::nn::reference
