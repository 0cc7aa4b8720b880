#include "mop/nn/cpu/network.h"

#include <algorithm>
#include <vector>

#include "mop/base/check.h"
#include "mop/nn/cpu/aligned_buffer.h"
#include "mop/nn/cpu/dense.h"
#include "mop/nn/cpu/dropout.h"
#include "mop/nn/cpu/inference.h"
#include "mop/nn/cpu/lstm_layer.h"

namespace mop::nn::cpu {
namespace {

struct LayerBuffers {
  AlignedBuffer gates, c, h;
  AlignedBuffer factors, dropped;  // dropout on the way to the layer above, and what arrives there
  AlignedBuffer rows, products;    // of the first layer: what overlapping windows share
};

}  // namespace

class Network::Impl {
 public:
  explicit Impl(const NetShape& shape)
      : layout_(shape), weights_(shape), layers_(shape.branches.size() * shape.layers) {}

  const ParamLayout& layout() const { return layout_; }
  std::span<const float> forward(const SequenceBatch& batch, std::span<const float> params,
                                 const Dropout& dropout);
  void backward(const SequenceBatch& batch, std::span<const float> params, std::span<const float> dy,
                std::span<float> grads);
  std::span<const float> infer(const SequenceBatch& batch, std::span<const float> params);

 private:
  struct Input {  // of one layer
    const float* x;
    std::size_t row;  // floats from row to row
    SharedRows shared = {};
  };

  const NetShape& shape() const { return layout_.shape(); }
  LayerBuffers& layer(std::size_t branch, std::size_t l) { return layers_[branch * shape().layers + l]; }
  LayerSize layer_size(const SequenceBatch& batch, std::size_t branch, std::size_t l) const;
  LayerParams layer_params(std::span<const float> params, std::size_t branch, std::size_t l) const;
  Input layer_input(const SequenceBatch& batch, std::size_t branch, std::size_t l);
  Input shared_input(const SequenceBatch& batch, std::size_t branch);
  void start(const SequenceBatch& batch, std::span<const float> params);
  void drop_units(const SequenceBatch& batch, const Dropout& dropout, std::size_t branch, std::size_t l);
  void read_states(const SequenceBatch& batch, std::size_t branch);
  void backward_branch(const SequenceBatch& batch, std::span<const float> params, std::size_t branch,
                       std::span<float> grads);
  void scatter_gradient(const SequenceBatch& batch, std::size_t branch, float* dh) const;
  std::span<const float> run_head(const SequenceBatch& batch);

  ParamLayout layout_;
  PreparedWeights weights_;  // those of the last forward() or infer()
  Inference inference_;
  std::vector<LayerBuffers> layers_;  // (branches, layers)
  AlignedBuffer packed_, dc_;         // work space of one layer
  AlignedBuffer states_[2];           // h, or its gradient, of two layers in turn
  AlignedBuffer read_, dread_;        // (S, B, padded head inputs): what the head reads
  AlignedBuffer head_work_, y_;
  std::size_t kept_batch_ = 0;  // B of the forward() that backward() may use, 0 for none
  bool dropped_ = false;        // that forward() dropped units
};

LayerSize Network::Impl::layer_size(const SequenceBatch& batch, std::size_t branch, std::size_t l) const {
  return {layout_.layer(branch, l).inputs, shape().hidden, batch.branches[branch].steps, batch.batch};
}

LayerParams Network::Impl::layer_params(std::span<const float> params, std::size_t branch,
                                        std::size_t l) const {
  const LayerOffsets& at = layout_.layer(branch, l);
  return {&params[at.weight_ih], &params[at.weight_hh], &params[at.bias_ih], &params[at.bias_hh]};
}

Network::Impl::Input Network::Impl::layer_input(const SequenceBatch& batch, std::size_t branch,
                                                std::size_t l) {
  if (l == 0) return shared_input(batch, branch);
  LayerBuffers& below = layer(branch, l - 1);
  return {dropped_ ? below.dropped.data() : below.h.data(), padded(shape().hidden)};
}

// The first layer's: each distinct row once where that saves more than finding the rows' places costs.
Network::Impl::Input Network::Impl::shared_input(const SequenceBatch& batch, std::size_t branch) {
  const SequenceBatch::Branch& from = batch.branches[branch];
  const std::size_t inputs = shape().branches[branch].inputs;
  if (from.row_of.empty() || from.row_of.size() < 2 * from.distinct || batch.batch <= kFewRows)
    return {from.x.data(), inputs};
  LayerBuffers& buffers = layer(branch, 0);
  float* rows = buffers.rows.get(from.distinct * inputs);
  gather_distinct_rows(from, inputs, rows);
  float* products = buffers.products.get(gates_size({inputs, shape().hidden, 1, from.distinct}));
  return {rows, inputs, {from.row_of.data(), from.distinct, products}};
}

void Network::Impl::start(const SequenceBatch& batch, std::span<const float> params) {
  check_batch(shape(), batch);
  MOP_CHECK(params.size() == layout_.size()) << params.size() << " parameters, not " << layout_.size();
  kept_batch_ = 0;
  weights_.update(params);
}

std::span<const float> Network::Impl::forward(const SequenceBatch& batch, std::span<const float> params,
                                              const Dropout& dropout) {
  start(batch, params);
  dropped_ = dropout.rate > 0.0f;
  const std::size_t read = batch.scored * batch.batch * padded_to_panel(shape().head_inputs());
  std::fill_n(read_.get(read), read, 0.0f);
  for (std::size_t i = 0; i < shape().branches.size(); ++i) {
    for (std::size_t l = 0; l < shape().layers; ++l) {
      const LayerSize size = layer_size(batch, i, l);
      const Input input = layer_input(batch, i, l);
      const std::size_t states = size.steps * size.rows * padded(size.hidden);
      LayerBuffers& buffers = layer(i, l);
      lstm_forward({.size = size,
                    .packed = weights_.layer(i, l),
                    .x = input.x,
                    .x_row = input.row,
                    .x_step = size.rows * input.row,
                    .keep = true,
                    .gates = buffers.gates.get(gates_size(size)),
                    .c = buffers.c.get(states),
                    .h = buffers.h.get(states),
                    .shared = input.shared});
      if (dropped_ && l + 1 < shape().layers) drop_units(batch, dropout, i, l);
    }
    read_states(batch, i);
  }
  kept_batch_ = batch.batch;
  return run_head(batch);
}

void Network::Impl::drop_units(const SequenceBatch& batch, const Dropout& dropout, std::size_t branch,
                               std::size_t l) {
  const std::size_t H = shape().hidden, steps = batch.branches[branch].steps;
  const std::size_t states = steps * batch.batch * padded(H);
  LayerBuffers& buffers = layer(branch, l);
  apply_dropout({.dropout = dropout,
                 .branch = branch,
                 .layer = l,
                 .steps = steps,
                 .rows = batch.batch,
                 .hidden = H,
                 .h = buffers.h.data(),
                 .factors = buffers.factors.get(states),
                 .dropped = buffers.dropped.get(states)});
}

void Network::Impl::read_states(const SequenceBatch& batch, std::size_t branch) {
  const std::size_t Kp = padded_to_panel(shape().head_inputs());
  copy_read_states({.batch = batch, .branch = branch, .first = 0, .rows = batch.batch}, shape().hidden,
                   layer(branch, shape().layers - 1).h.data(), read_.data(), Kp);
}

std::span<const float> Network::Impl::run_head(const SequenceBatch& batch) {
  const std::size_t rows = batch.scored * batch.batch, count = rows * shape().outputs;
  float* y = y_.get(count);
  dense_forward({.rows = rows,
                 .inputs = shape().head_inputs(),
                 .outputs = shape().outputs,
                 .packed = weights_.head(),
                 .x = read_.data()},
                y);
  return {y, count};
}

void Network::Impl::backward(const SequenceBatch& batch, std::span<const float> params,
                             std::span<const float> dy, std::span<float> grads) {
  MOP_CHECK(kept_batch_ == batch.batch) << "backward() without its forward()";
  MOP_CHECK(grads.size() == layout_.size() && params.size() == layout_.size())
      << grads.size() << " gradients";
  MOP_CHECK(dy.size() == batch.scored * batch.batch * shape().outputs) << dy.size() << " values in dy";
  kept_batch_ = 0;
  DenseArgs args{.rows = batch.scored * batch.batch,
                 .inputs = shape().head_inputs(),
                 .outputs = shape().outputs,
                 .weight = &params[layout_.head_weight()],
                 .x = read_.data(),
                 .work = nullptr};
  args.work = head_work_.get(dense_work_size(args));
  dense_backward(args, {.dy = dy.data(),
                        .dweight = &grads[layout_.head_weight()],
                        .dbias = &grads[layout_.head_bias()],
                        .dx = dread_.get(args.rows * padded_to_panel(args.inputs))});
  for (std::size_t i = 0; i < shape().branches.size(); ++i)
    backward_branch(batch, params, i, grads);
}

void Network::Impl::backward_branch(const SequenceBatch& batch, std::span<const float> params,
                                    std::size_t branch, std::span<float> grads) {
  const std::size_t Hp = padded(shape().hidden), states = batch.branches[branch].steps * batch.batch * Hp;
  float* dh = states_[0].get(states);
  float* dx = states_[1].get(states);
  std::fill_n(dh, states, 0.0f);
  scatter_gradient(batch, branch, dh);
  for (std::size_t l = shape().layers; l-- > 0;) {
    const LayerSize size = layer_size(batch, branch, l);
    const LayerOffsets& at = layout_.layer(branch, l);
    const Input input = layer_input(batch, branch, l);
    const LayerBuffers& buffers = layer(branch, l);
    lstm_backward({.size = size,
                   .params = layer_params(params, branch, l),
                   .x = input.x,
                   .x_row = input.row,
                   .c = buffers.c.data(),
                   .h = buffers.h.data(),
                   .gates = buffers.gates.data(),
                   .dh = dh,
                   .dc = dc_.get(size.rows * Hp),
                   .packed = packed_.get(packed_size(size)),
                   .dweight_ih = &grads[at.weight_ih],
                   .dweight_hh = &grads[at.weight_hh],
                   .dbias_ih = &grads[at.bias_ih],
                   .dbias_hh = &grads[at.bias_hh],
                   .dx = l > 0 ? dx : nullptr,
                   .factors = l > 0 && dropped_ ? layer(branch, l - 1).factors.data() : nullptr,
                   .shared = input.shared});
    std::swap(dh, dx);
  }
}

// Adds to dh (steps, B, Hp) what the head hands back; several scored positions may read one step.
void Network::Impl::scatter_gradient(const SequenceBatch& batch, std::size_t branch, float* dh) const {
  const std::size_t H = shape().hidden, Hp = padded(H), Kp = padded_to_panel(shape().head_inputs());
  for (std::size_t row = 0; row < batch.scored * batch.batch; ++row) {
    const auto step = static_cast<std::size_t>(batch.branches[branch].read_step[row]);
    const float* from = dread_.data() + row * Kp + branch * H;
    float* to = dh + (step * batch.batch + row % batch.batch) * Hp;
    for (std::size_t j = 0; j < H; ++j)
      to[j] += from[j];
  }
}

std::span<const float> Network::Impl::infer(const SequenceBatch& batch, std::span<const float> params) {
  start(batch, params);
  return inference_.run(weights_, batch);
}

Network::Network(const NetShape& shape) : impl_(std::make_unique<Impl>(shape)) {}
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;
Network::~Network() = default;

const ParamLayout& Network::layout() const {
  return impl_->layout();
}

std::span<const float> Network::forward(const SequenceBatch& batch, std::span<const float> params,
                                        const Dropout& dropout) {
  return impl_->forward(batch, params, dropout);
}

void Network::backward(const SequenceBatch& batch, std::span<const float> params, std::span<const float> dy,
                       std::span<float> grads) {
  impl_->backward(batch, params, dy, grads);
}

std::span<const float> Network::infer(const SequenceBatch& batch, std::span<const float> params) {
  return impl_->infer(batch, params);
}

}  // namespace mop::nn::cpu
