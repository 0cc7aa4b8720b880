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

// Sequences that go forward and backward together: whole tiles on every instruction set, and few enough that
// their gates and states of all steps, 4 KB per sequence and step, stay in the second and third cache.
constexpr std::size_t kRowsAtOnce = 12;

struct LayerBuffers {
  AlignedBuffer packed, sums;               // weights for the way back, sums of their gradients
  AlignedBuffer gates, c, h;                // of the sequences on their way
  AlignedBuffer factors, dropped;           // dropout on the way to the layer above, and what arrives there
  AlignedBuffer rows, products, dproducts;  // of the first layer: what overlapping windows share
  std::vector<std::int32_t> row_of;         // and where the sequences on their way have it
};

}  // namespace

class Network::Impl {
 public:
  explicit Impl(const NetShape& shape)
      : layout_(shape), weights_(shape), layers_(shape.branches.size() * shape.layers) {}

  const ParamLayout& layout() const { return layout_; }
  void gradients(const SequenceBatch& batch, std::span<const float> params, const Dropout& dropout,
                 const LossGradient& loss, std::span<float> grads);
  std::span<const float> infer(const SequenceBatch& batch, std::span<const float> params);

 private:
  struct Step {  // of training
    const SequenceBatch& batch;
    std::span<const float> params;
    const Dropout& dropout;
    std::span<float> grads;
  };
  struct Rows {  // sequences of the batch
    std::size_t first, count;
  };
  struct Input {  // of one layer
    const float* x;
    std::size_t row;  // floats from row to row
  };

  const NetShape& shape() const { return layout_.shape(); }
  LayerBuffers& layer(std::size_t branch, std::size_t l) { return layers_[branch * shape().layers + l]; }
  std::size_t inputs(std::size_t branch, std::size_t l) const { return layout_.layer(branch, l).inputs; }
  LayerParams layer_params(std::span<const float> params, std::size_t branch, std::size_t l) const;
  void start(const SequenceBatch& batch, std::span<const float> params);

  // The first layer takes each distinct row once where that saves more than finding the rows' places costs.
  static bool shares(const SequenceBatch::Branch& branch) {
    return !branch.row_of.empty() && branch.row_of.size() >= 2 * branch.distinct;
  }
  void begin_layer(const Step& step, std::size_t branch, std::size_t l);
  void finish_layer(const Step& step, std::size_t branch, std::size_t l);

  Input layer_input(const Step& step, std::size_t branch, std::size_t l);
  void take_rows(const Step& step, Rows rows, std::size_t branch);
  void forward_branch(const Step& step, Rows rows, std::size_t branch);
  void read_states(const Step& step, Rows rows, std::size_t branch);
  void run_head(const Step& step, Rows rows, const LossGradient& loss);
  void backward_branch(const Step& step, Rows rows, std::size_t branch);
  void scatter_gradient(const Step& step, Rows rows, std::size_t branch, float* dh) const;

  ParamLayout layout_;
  PreparedWeights weights_;  // those of the last gradients() or infer()
  Inference inference_;
  std::vector<LayerBuffers> layers_;  // (branches, layers)
  AlignedBuffer dc_, products_;       // work space of one layer
  AlignedBuffer states_[2];           // gradient of h of two layers in turn
  AlignedBuffer read_, dread_;        // (S, rows, padded head inputs): what the head reads
  AlignedBuffer head_work_, y_, dy_;
};

LayerParams Network::Impl::layer_params(std::span<const float> params, std::size_t branch,
                                        std::size_t l) const {
  const LayerOffsets& at = layout_.layer(branch, l);
  return {&params[at.weight_ih], &params[at.weight_hh], &params[at.bias_ih], &params[at.bias_hh]};
}

void Network::Impl::start(const SequenceBatch& batch, std::span<const float> params) {
  check_batch(shape(), batch);
  MOP_CHECK(params.size() == layout_.size()) << params.size() << " parameters, not " << layout_.size();
  weights_.update(params);
}

void Network::Impl::gradients(const SequenceBatch& batch, std::span<const float> params,
                              const Dropout& dropout, const LossGradient& loss, std::span<float> grads) {
  MOP_CHECK(grads.size() == layout_.size()) << grads.size() << " gradients, not " << layout_.size();
  start(batch, params);
  const Step step{batch, params, dropout, grads};
  const std::size_t branches = shape().branches.size();
  for (std::size_t b = 0; b < branches; ++b) {
    for (std::size_t l = 0; l < shape().layers; ++l)
      begin_layer(step, b, l);
  }
  std::fill_n(&grads[layout_.head_weight()], shape().head_inputs() * shape().outputs, 0.0f);
  std::fill_n(&grads[layout_.head_bias()], shape().outputs, 0.0f);
  for (std::size_t first = 0; first < batch.batch; first += kRowsAtOnce) {
    const Rows rows{first, std::min(kRowsAtOnce, batch.batch - first)};
    for (std::size_t b = 0; b < branches; ++b)
      forward_branch(step, rows, b);
    run_head(step, rows, loss);
    for (std::size_t b = 0; b < branches; ++b)
      backward_branch(step, rows, b);
  }
  for (std::size_t b = 0; b < branches; ++b) {
    for (std::size_t l = 0; l < shape().layers; ++l)
      finish_layer(step, b, l);
  }
}

void Network::Impl::begin_layer(const Step& step, std::size_t branch, std::size_t l) {
  const std::size_t I = inputs(branch, l), H = shape().hidden;
  LayerBuffers& buffers = layer(branch, l);
  lstm_pack_backward(I, H, layer_params(step.params, branch, l), l > 0,
                     buffers.packed.get(backward_packed_size(I, H)));
  const std::size_t sums = gradient_sums_size(I, H);
  std::fill_n(buffers.sums.get(sums), sums, 0.0f);
  const SequenceBatch::Branch& from = step.batch.branches[branch];
  if (l > 0 || !shares(from)) return;
  float* rows = buffers.rows.get(from.distinct * I);
  gather_distinct_rows(from, I, rows);
  const std::size_t products = products_size(from.distinct, H);
  lstm_project(I, H, weights_.layer(branch, 0).inputs, rows, from.distinct, buffers.products.get(products));
  std::fill_n(buffers.dproducts.get(products), products, 0.0f);
}

void Network::Impl::finish_layer(const Step& step, std::size_t branch, std::size_t l) {
  const std::size_t I = inputs(branch, l), H = shape().hidden;
  const LayerOffsets& at = layout_.layer(branch, l);
  LayerBuffers& buffers = layer(branch, l);
  const SequenceBatch::Branch& from = step.batch.branches[branch];
  if (l == 0 && shares(from)) {
    lstm_add_shared(I, H, buffers.rows.data(), from.distinct, buffers.dproducts.data(), buffers.sums.data());
  }
  lstm_unpack_gradients(I, H, buffers.sums.data(),
                        {&step.grads[at.weight_ih], &step.grads[at.weight_hh], &step.grads[at.bias_ih],
                         &step.grads[at.bias_hh]});
}

Network::Impl::Input Network::Impl::layer_input(const Step& step, std::size_t branch, std::size_t l) {
  if (l == 0) return {layer(branch, 0).rows.data(), inputs(branch, 0)};
  LayerBuffers& below = layer(branch, l - 1);
  return {step.dropout.rate > 0.0f ? below.dropped.data() : below.h.data(), padded(shape().hidden)};
}

// The first layer's input side by side: rows of x, or where they are among the distinct ones.
void Network::Impl::take_rows(const Step& step, Rows rows, std::size_t branch) {
  const SequenceBatch::Branch& from = step.batch.branches[branch];
  const std::size_t I = inputs(branch, 0), places = from.steps * rows.count;
  LayerBuffers& buffers = layer(branch, 0);
  const bool shared = shares(from);
  if (shared) buffers.row_of.resize(places);
  float* x = shared ? nullptr : buffers.rows.get(places * I);
  for (std::size_t t = 0; t < from.steps; ++t) {
    const std::size_t at = t * step.batch.batch + rows.first, to = t * rows.count;
    if (shared) {
      std::copy_n(&from.row_of[at], rows.count, &buffers.row_of[to]);
    } else {
      std::copy_n(&from.x[at * I], rows.count * I, x + to * I);
    }
  }
}

void Network::Impl::forward_branch(const Step& step, Rows rows, std::size_t branch) {
  take_rows(step, rows, branch);
  const SequenceBatch::Branch& from = step.batch.branches[branch];
  for (std::size_t l = 0; l < shape().layers; ++l) {
    const LayerSize size{inputs(branch, l), shape().hidden, from.steps, rows.count};
    const Input input = layer_input(step, branch, l);
    const std::size_t states = size.steps * size.rows * padded(size.hidden);
    LayerBuffers& buffers = layer(branch, l);
    LstmForwardArgs args{.size = size,
                         .weights = weights_.layer(branch, l),
                         .x = input.x,
                         .x_row = input.row,
                         .x_step = size.rows * input.row,
                         .keep = true,
                         .gates = buffers.gates.get(gates_size(size)),
                         .c = buffers.c.get(states),
                         .h = buffers.h.get(states)};
    if (l == 0 && shares(from)) args.shared = {buffers.row_of.data(), from.distinct, buffers.products.data()};
    lstm_forward(args);
    if (step.dropout.rate == 0.0f || l + 1 == shape().layers) continue;
    apply_dropout({.dropout = step.dropout,
                   .branch = branch,
                   .layer = l,
                   .first = rows.first,
                   .rows = rows.count,
                   .steps = size.steps,
                   .hidden = size.hidden,
                   .h = buffers.h.data(),
                   .factors = buffers.factors.get(states),
                   .dropped = buffers.dropped.get(states)});
  }
}

// What the head reads of the top layer; its rows are zero behind the inputs.
void Network::Impl::read_states(const Step& step, Rows rows, std::size_t branch) {
  const std::size_t H = shape().hidden, Hp = padded(H), Kp = padded_to_panel(shape().head_inputs());
  const float* h = layer(branch, shape().layers - 1).h.data();
  for (std::size_t s = 0; s < step.batch.scored; ++s) {
    for (std::size_t r = 0; r < rows.count; ++r) {
      const auto at = static_cast<std::size_t>(
          step.batch.branches[branch].read_step[s * step.batch.batch + rows.first + r]);
      std::copy_n(h + (at * rows.count + r) * Hp, H, read_.data() + (s * rows.count + r) * Kp + branch * H);
    }
  }
}

// Adds to dh (steps, rows, Hp) what the head hands back; several scored positions may read one step.
void Network::Impl::scatter_gradient(const Step& step, Rows rows, std::size_t branch, float* dh) const {
  const std::size_t H = shape().hidden, Hp = padded(H), Kp = padded_to_panel(shape().head_inputs());
  for (std::size_t s = 0; s < step.batch.scored; ++s) {
    for (std::size_t r = 0; r < rows.count; ++r) {
      const auto at = static_cast<std::size_t>(
          step.batch.branches[branch].read_step[s * step.batch.batch + rows.first + r]);
      const float* from = dread_.data() + (s * rows.count + r) * Kp + branch * H;
      float* to = dh + (at * rows.count + r) * Hp;
      for (std::size_t j = 0; j < H; ++j)
        to[j] += from[j];
    }
  }
}

// Forward, loss and backward of the head.
void Network::Impl::run_head(const Step& step, Rows rows, const LossGradient& loss) {
  const std::size_t count = step.batch.scored * rows.count, K = shape().head_inputs(),
                    outputs = shape().outputs;
  const std::size_t read = count * padded_to_panel(K);
  std::fill_n(read_.get(read), read, 0.0f);
  for (std::size_t b = 0; b < shape().branches.size(); ++b)
    read_states(step, rows, b);
  float* y = y_.get(count * outputs);
  dense_forward({count, K, outputs, weights_.head(), read_.data()}, y);

  float* dy = dy_.get(count * outputs);
  loss({rows.first, rows.count, {y, count * outputs}, {dy, count * outputs}});

  DenseArgs args{.rows = count,
                 .inputs = K,
                 .outputs = outputs,
                 .weight = &step.params[layout_.head_weight()],
                 .x = read_.data(),
                 .work = nullptr};
  args.work = head_work_.get(dense_work_size(args));
  dense_backward(args, {.dy = dy,
                        .dweight = &step.grads[layout_.head_weight()],
                        .dbias = &step.grads[layout_.head_bias()],
                        .dx = dread_.get(read)});
}

void Network::Impl::backward_branch(const Step& step, Rows rows, std::size_t branch) {
  const SequenceBatch::Branch& from = step.batch.branches[branch];
  const std::size_t Hp = padded(shape().hidden), states = from.steps * rows.count * Hp;
  float* dh = states_[0].get(states);
  float* dx = states_[1].get(states);
  std::fill_n(dh, states, 0.0f);
  scatter_gradient(step, rows, branch, dh);
  for (std::size_t l = shape().layers; l-- > 0;) {
    const Input input = layer_input(step, branch, l);
    LayerBuffers& buffers = layer(branch, l);
    LstmBackwardArgs args{
        .size = {inputs(branch, l), shape().hidden, from.steps, rows.count},
        .packed = buffers.packed.data(),
        .x = input.x,
        .x_row = input.row,
        .c = buffers.c.data(),
        .h = buffers.h.data(),
        .gates = buffers.gates.data(),
        .dh = dh,
        .dc = dc_.get(rows.count * Hp),
        .products = products_.get(rows.count * kWidestPanel),
        .sums = buffers.sums.data(),
        .dx = l > 0 ? dx : nullptr,
        .factors = l > 0 && step.dropout.rate > 0.0f ? layer(branch, l - 1).factors.data() : nullptr};
    if (l == 0 && shares(from)) {
      args.shared_row_of = buffers.row_of.data();
      args.shared_count = from.distinct;
      args.shared_sums = buffers.dproducts.data();
    }
    lstm_backward(args);
    std::swap(dh, dx);
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

void Network::gradients(const SequenceBatch& batch, std::span<const float> params, const Dropout& dropout,
                        const LossGradient& loss, std::span<float> grads) {
  impl_->gradients(batch, params, dropout, loss, grads);
}

std::span<const float> Network::infer(const SequenceBatch& batch, std::span<const float> params) {
  return impl_->infer(batch, params);
}

}  // namespace mop::nn::cpu
