#include "mop/nn/cpu/inference.h"

#include <algorithm>

#include "mop/base/check.h"
#include "mop/nn/bf16.h"
#include "mop/nn/cpu/dense.h"
#include "mop/nn/cpu/lstm_layer.h"

namespace mop::nn::cpu {
namespace {

// Sequences taken at a time: enough to fill every tile, few enough to stay in the caches.
constexpr std::size_t kRows = 96;

std::size_t output_count(const NetShape& shape, const SequenceBatch& batch) {
  return batch.scored * batch.batch * shape.outputs;
}

}  // namespace

PreparedWeights::PreparedWeights(const NetShape& shape)
    : layout_(shape), layers_(shape.branches.size() * shape.layers) {}

PreparedWeights::PreparedWeights(const NetShape& shape, std::span<const float> params)
    : PreparedWeights(shape) {
  update(params);
}

void PreparedWeights::update(std::span<const float> params) {
  MOP_CHECK(params.size() == layout_.size()) << params.size() << " parameters, not " << layout_.size();
  const std::size_t H = shape().hidden;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const LayerOffsets& at = layout_.layer(i / shape().layers, i % shape().layers);
    Layer& layer = layers_[i];
    layer.inputs = at.inputs;
    layer.bf16 = are_bf16(params.subspan(at.weight_hh, 4 * H * H));
    float* inputs =
        layer.packed.get(inputs_packed_size(at.inputs, H) + bf16_packed_size(H) + recurrent_packed_size(H));
    float* bf16 = inputs + inputs_packed_size(at.inputs, H);
    if (layer.bf16) lstm_pack_bf16(H, &params[at.weight_hh], bf16);
    lstm_pack(at.inputs, H,
              {&params[at.weight_ih], &params[at.weight_hh], &params[at.bias_ih], &params[at.bias_hh]},
              inputs, layer.bf16 ? bf16 + bf16_packed_size(H) : bf16);
  }
  const std::size_t inputs = shape().head_inputs(), outputs = shape().outputs;
  dense_pack(inputs, outputs, &params[layout_.head_weight()], &params[layout_.head_bias()],
             head_.get(dense_packed_size(inputs, outputs)));
}

PackedWeights PreparedWeights::layer(std::size_t branch, std::size_t layer) const {
  const Layer& of = layers_[branch * shape().layers + layer];
  const float* behind_inputs = of.packed.data() + inputs_packed_size(of.inputs, shape().hidden);
  if (!of.bf16) return {of.packed.data(), behind_inputs, nullptr};
  return {of.packed.data(), behind_inputs + bf16_packed_size(shape().hidden), behind_inputs};
}

std::span<const float> PreparedWeights::of_few_rows(std::size_t branch, std::size_t layer) const {
  if (branch >= shape().branches.size()) return {};
  const Layer& of = layers_[branch * shape().layers + layer];
  const std::size_t H = shape().hidden;
  return {of.packed.data(),
          inputs_packed_size(of.inputs, H) + (of.bf16 ? bf16_packed_size(H) : recurrent_packed_size(H))};
}

std::size_t PreparedWeights::bytes() const {
  const std::size_t H = shape().hidden;
  std::size_t floats = dense_packed_size(shape().head_inputs(), shape().outputs);
  for (const Layer& of : layers_)
    floats +=
        inputs_packed_size(of.inputs, H) + recurrent_packed_size(H) + (of.bf16 ? bf16_packed_size(H) : 0);
  return floats * sizeof(float);
}

void gather_distinct_rows(const SequenceBatch::Branch& of, std::size_t inputs, float* rows) {
  for (std::size_t place = 0; place < of.row_of.size(); ++place)
    std::copy_n(&of.x[place * inputs], inputs, rows + static_cast<std::size_t>(of.row_of[place]) * inputs);
}

void DistinctWindows::find(const SequenceBatch::Branch& of, std::size_t batch) {
  const auto same = [&](std::size_t a, std::size_t b) {
    for (std::size_t step = 0; step < of.steps; ++step)
      if (of.row_of[step * batch + a] != of.row_of[step * batch + b]) return false;
    return true;
  };
  place_of.resize(batch);
  first.clear();
  for (std::size_t b = 0; b < batch; ++b) {
    const auto known =
        std::find_if(first.begin(), first.end(), [&](std::size_t other) { return same(other, b); });
    place_of[b] = static_cast<std::size_t>(known - first.begin());
    if (known == first.end()) first.push_back(b);
  }
  row_of.resize(of.steps * count());
  for (std::size_t step = 0; step < of.steps; ++step)
    for (std::size_t w = 0; w < count(); ++w)
      row_of[step * count() + w] = of.row_of[step * batch + first[w]];
}

void copy_read_states(const BranchRows& of, std::size_t hidden, const float* h, float* read,
                      std::size_t read_row) {
  for (std::size_t s = 0; s < of.batch.scored; ++s) {
    for (std::size_t r = 0; r < of.rows; ++r) {
      const std::size_t at = s * of.batch.batch + of.first + r;
      const auto step = static_cast<std::size_t>(of.batch.branches[of.branch].read_step[at]);
      const std::size_t place = of.place_of.empty() ? r : of.place_of[r];
      std::copy_n(h + (step * of.places + place) * padded(hidden), hidden,
                  read + at * read_row + of.branch * hidden);
    }
  }
}

std::span<const float> Inference::run(const PreparedWeights& weights, const SequenceBatch& batch) {
  const std::size_t count = output_count(weights.shape(), batch);
  float* y = y_.get(count);
  run({weights, batch, nullptr}, y);
  return {y, count};
}

void Inference::run_all(std::span<const InferenceJob> jobs) {
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const InferenceJob& job = jobs[i];
    MOP_CHECK(job.y.size() == output_count(job.weights->shape(), *job.batch)) << job.y.size() << " outputs";
    run({*job.weights, *job.batch, i + 1 < jobs.size() ? jobs[i + 1].weights : nullptr}, job.y.data());
  }
}

void Inference::run(const Run& run, float* y) {
  const auto& [weights, batch, next] = run;
  const NetShape& shape = weights.shape();
  check_batch(shape, batch);
  MOP_CHECK(weights.head() != nullptr) << "weights that were never set";
  const std::size_t rows = batch.scored * batch.batch, read_row = padded_to_panel(shape.head_inputs());
  std::fill_n(read_.get(rows * read_row), rows * read_row, 0.0f);
  for (std::size_t branch = 0; branch < shape.branches.size(); ++branch) {
    const SequenceBatch::Branch& of = batch.branches[branch];
    const bool shared = of.row_of.size() >= 2 * of.distinct && of.distinct > 0;
    if (shared && batch.batch > kFewRows && batch.batch <= kRows) {
      run_windows(run, branch);
      continue;
    }
    for (std::size_t first = 0; first < batch.batch; first += kRows)
      run_branch(run, branch, first, std::min(kRows, batch.batch - first));
  }
  dense_forward({.rows = rows,
                 .inputs = shape.head_inputs(),
                 .outputs = shape.outputs,
                 .packed = weights.head(),
                 .x = read_.data()},
                y);
}

// All layers; `args` are the first one's. Returns the top layer's h.
const float* Inference::run_layers(const Run& run, std::size_t branch, LstmForwardArgs args) {
  const auto& [weights, batch, next] = run;
  const NetShape& shape = weights.shape();
  const std::size_t rows = args.size.rows, Hp = padded(shape.hidden);
  args.keep = false;
  args.c = c_.get(rows * Hp);
  if (rows <= kFewRows) args.gates = gates_.get(gates_size(args.size));
  for (std::size_t l = 0; l < shape.layers; ++l) {
    args.weights = weights.layer(branch, l);
    args.soon =
        l + 1 < shape.layers ? weights.of_few_rows(branch, l + 1) : weights.of_few_rows(branch + 1, 0);
    if (args.soon.empty() && next) args.soon = next->of_few_rows(0, 0);
    args.h = h_[l % 2].get(args.size.steps * rows * Hp);
    lstm_forward(args);
    args.size.inputs = shape.hidden;
    args.x = args.h;
    args.x_row = Hp;
    args.x_step = rows * Hp;
    args.shared = {};
  }
  return args.x;
}

void Inference::run_branch(const Run& run, std::size_t branch, std::size_t first, std::size_t rows) {
  const NetShape& shape = run.weights.shape();
  const SequenceBatch::Branch& of = run.batch.branches[branch];
  const std::size_t I = shape.branches[branch].inputs;
  LstmForwardArgs args{};
  args.size = {I, shape.hidden, of.steps, rows};
  args.x = of.x.data() + first * I;
  args.x_row = I;
  args.x_step = run.batch.batch * I;
  const float* h = run_layers(run, branch, args);
  copy_read_states({run.batch, branch, first, rows}, shape.hidden, h, read_.data(),
                   padded_to_panel(shape.head_inputs()));
}

std::size_t state_size(const NetShape& shape) {
  return shape.layers * 2 * shape.hidden;
}

void Inference::advance(const PreparedWeights& weights, const BranchSteps& of, float* to) {
  const NetShape& shape = weights.shape();
  const std::size_t H = shape.hidden, Hp = padded(H), state = of.rows * Hp, size = state_size(shape);
  MOP_CHECK(weights.head() != nullptr) << "weights that were never set";
  LstmForwardArgs args{};
  args.size = {shape.branches[of.branch].inputs, H, of.steps, of.rows};
  args.x = of.x;
  args.x_row = args.size.inputs;
  args.x_step = of.rows * args.x_row;
  args.c = c_.get(state);
  for (std::size_t l = 0; l < shape.layers; ++l) {
    args.weights = weights.layer(of.branch, l);
    args.gates = of.rows <= kFewRows ? gates_.get(gates_size(args.size)) : nullptr;
    args.h = h_[l % 2].get(of.steps * state);
    if (of.from != nullptr) {
      // Units that only fill a vector up stay at zero.
      args.h0 = std::fill_n(h0_.get(state), state, 0.0f) - state;
      args.c0 = std::fill_n(c0_.get(state), state, 0.0f) - state;
      for (std::size_t r = 0; r < of.rows; ++r) {
        std::copy_n(of.from + r * size + 2 * l * H, H, h0_.data() + r * Hp);
        std::copy_n(of.from + r * size + (2 * l + 1) * H, H, c0_.data() + r * Hp);
      }
    }
    lstm_forward(args);
    for (std::size_t r = 0; r < of.rows; ++r) {
      std::copy_n(args.h + (of.steps - 1) * state + r * Hp, H, to + r * size + 2 * l * H);
      std::copy_n(args.c + r * Hp, H, to + r * size + (2 * l + 1) * H);
    }
    args.size.inputs = H;
    args.x = args.h;
    args.x_row = Hp;
    args.x_step = state;
  }
}

std::span<const float> Inference::finish(const PreparedWeights& weights, std::span<const float* const> states,
                                         std::size_t rows) {
  const NetShape& shape = weights.shape();
  const std::size_t H = shape.hidden, read_row = padded_to_panel(shape.head_inputs()),
                    size = state_size(shape);
  MOP_CHECK(states.size() == shape.branches.size()) << states.size() << " branches";
  float* read = read_.get(rows * read_row);
  std::fill_n(read, rows * read_row, 0.0f);
  for (std::size_t b = 0; b < states.size(); ++b) {
    for (std::size_t r = 0; r < rows; ++r)
      std::copy_n(states[b] + r * size + 2 * (shape.layers - 1) * H, H, read + r * read_row + b * H);
  }
  float* y = y_.get(rows * shape.outputs);
  dense_forward({.rows = rows,
                 .inputs = shape.head_inputs(),
                 .outputs = shape.outputs,
                 .packed = weights.head(),
                 .x = read},
                y);
  return {y, rows * shape.outputs};
}

// Every distinct window once, and of those every distinct row's input product once.
void Inference::run_windows(const Run& run, std::size_t branch) {
  const NetShape& shape = run.weights.shape();
  const SequenceBatch::Branch& of = run.batch.branches[branch];
  const std::size_t I = shape.branches[branch].inputs, B = run.batch.batch;
  windows_.find(of, B);
  const std::size_t count = windows_.count();
  if (count <= kFewRows) return run_branch(run, branch, 0, B);
  float* rows = rows_.get(of.distinct * I);
  gather_distinct_rows(of, I, rows);
  LstmForwardArgs args{};
  args.size = {I, shape.hidden, of.steps, count};
  float* products = products_.get(products_size(of.distinct, shape.hidden));
  lstm_project(I, shape.hidden, run.weights.layer(branch, 0).inputs, rows, of.distinct, products);
  args.shared = {windows_.row_of.data(), of.distinct, products};
  const float* h = run_layers(run, branch, args);
  copy_read_states({run.batch, branch, 0, B, windows_.place_of, count}, shape.hidden, h, read_.data(),
                   padded_to_panel(shape.head_inputs()));
}

}  // namespace mop::nn::cpu
