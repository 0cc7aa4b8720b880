#include "mop/nn/reference/lstm_reference.h"

#include <cmath>

#include "mop/base/check.h"

namespace mop::nn::reference {
namespace {

double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

// sum over k of weights[row][k] * x[k]
double dot_row(std::span<const double> params, std::size_t weight, std::size_t row, std::size_t n,
               const double* x) {
  double sum = 0.0;
  for (std::size_t k = 0; k < n; ++k)
    sum += params[weight + row * n + k] * x[k];
  return sum;
}

}  // namespace

LstmReference::LayerTrace LstmReference::run_layer(const LayerOffsets& at, std::size_t steps,
                                                   std::size_t batch, std::vector<double> x,
                                                   std::span<const double> params) const {
  const std::size_t H = layout_.shape().hidden, I = at.inputs, B = batch;
  LayerTrace trace{.x = std::move(x),
                   .gates = std::vector<double>(steps * B * 4 * H),
                   .c = std::vector<double>(steps * B * H),
                   .h = std::vector<double>(steps * B * H),
                   .factors = {}};
  const std::vector<double> zeros(H, 0.0);
  for (std::size_t t = 0; t < steps; ++t) {
    for (std::size_t b = 0; b < B; ++b) {
      const std::size_t row = t * B + b;
      const double* h_before = t == 0 ? zeros.data() : &trace.h[(row - B) * H];
      const double* c_before = t == 0 ? zeros.data() : &trace.c[(row - B) * H];
      double* gate = &trace.gates[row * 4 * H];
      for (std::size_t r = 0; r < 4 * H; ++r) {
        const double z = dot_row(params, at.weight_ih, r, I, &trace.x[row * I]) + params[at.bias_ih + r] +
                         dot_row(params, at.weight_hh, r, H, h_before) + params[at.bias_hh + r];
        gate[r] = r / H == 2 ? std::tanh(z) : sigmoid(z);
      }
      for (std::size_t j = 0; j < H; ++j) {
        const double c = gate[H + j] * c_before[j] + gate[j] * gate[2 * H + j];
        trace.c[row * H + j] = c;
        trace.h[row * H + j] = gate[3 * H + j] * std::tanh(c);
      }
    }
  }
  return trace;
}

void LstmReference::drop_units(LayerTrace& trace, const Dropout& dropout, std::size_t branch,
                               std::size_t layer, std::size_t batch) const {
  const std::size_t H = layout_.shape().hidden;
  trace.factors.assign(trace.h.size(), 1.0);
  if (dropout.rate == 0.0f) return;
  std::vector<float> factors(H);
  for (std::size_t row = 0; row < trace.h.size() / H; ++row) {
    dropout_factors(dropout, {branch, layer, row / batch, row % batch}, factors);
    for (std::size_t j = 0; j < H; ++j)
      trace.factors[row * H + j] = static_cast<double>(factors[j]);
  }
}

std::vector<double> LstmReference::forward(const SequenceBatch& batch, std::span<const double> params,
                                           const Dropout& dropout) {
  const NetShape& shape = layout_.shape();
  check_batch(shape, batch);
  MOP_CHECK(params.size() == layout_.size()) << params.size() << " parameters";
  traces_.clear();
  for (std::size_t i = 0; i < shape.branches.size(); ++i) {
    const SequenceBatch::Branch& branch = batch.branches[i];
    std::vector<LayerTrace>& stack = traces_.emplace_back();
    std::vector<double> x(branch.x.begin(), branch.x.end());
    for (std::size_t l = 0; l < shape.layers; ++l) {
      stack.push_back(run_layer(layout_.layer(i, l), branch.steps, batch.batch, std::move(x), params));
      LayerTrace& trace = stack.back();
      drop_units(trace, dropout, i, l, batch.batch);
      x = trace.h;
      for (std::size_t k = 0; k < x.size(); ++k)
        x[k] *= trace.factors[k];
    }
  }
  return run_head(batch, params);
}

std::vector<double> LstmReference::run_head(const SequenceBatch& batch,
                                            std::span<const double> params) const {
  const NetShape& shape = layout_.shape();
  const std::size_t rows = batch.scored * batch.batch, K = shape.head_inputs(), H = shape.hidden;
  std::vector<double> y(rows * shape.outputs), read(K);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < shape.branches.size(); ++i) {
      const std::vector<double>& h = traces_[i].back().h;
      const std::size_t from = read_row(batch, i, row) * H;
      for (std::size_t j = 0; j < H; ++j)
        read[i * H + j] = h[from + j];
    }
    for (std::size_t r = 0; r < shape.outputs; ++r) {
      y[row * shape.outputs + r] =
          dot_row(params, layout_.head_weight(), r, K, read.data()) + params[layout_.head_bias() + r];
    }
  }
  return y;
}

// Row (step * B + b) of the top hidden states that scored row (s * B + b) reads.
std::size_t LstmReference::read_row(const SequenceBatch& batch, std::size_t branch, std::size_t row) {
  const auto step = static_cast<std::size_t>(batch.branches[branch].read_step[row]);
  return step * batch.batch + row % batch.batch;
}

std::vector<double> LstmReference::backward_head(const SequenceBatch& batch, std::span<const double> params,
                                                 std::span<const double> dy, std::size_t branch,
                                                 std::span<double> grads) const {
  const NetShape& shape = layout_.shape();
  const std::size_t K = shape.head_inputs(), H = shape.hidden;
  const std::vector<double>& h = traces_[branch].back().h;
  std::vector<double> dh(h.size(), 0.0);
  for (std::size_t row = 0; row < batch.scored * batch.batch; ++row) {
    const std::size_t from = read_row(batch, branch, row) * H;
    for (std::size_t r = 0; r < shape.outputs; ++r) {
      const double d = dy[row * shape.outputs + r];
      for (std::size_t j = 0; j < H; ++j) {
        const std::size_t at = layout_.head_weight() + r * K + branch * H + j;
        grads[at] += d * h[from + j];
        dh[from + j] += d * params[at];
      }
      if (branch == 0) grads[layout_.head_bias() + r] += d;
    }
  }
  return dh;
}

// Gradient of the gates before their activations, from that of h and c at the same step. `dc` goes in as what
// the step after hands back and comes out as what this step hands to the one before.
void LstmReference::backward_cell(const LayerTrace& trace, std::size_t row, std::size_t batch,
                                  const double* dh, double* dc, double* dz) const {
  const std::size_t H = layout_.shape().hidden;
  const double* gate = &trace.gates[row * 4 * H];
  for (std::size_t j = 0; j < H; ++j) {
    const double i = gate[j], f = gate[H + j], g = gate[2 * H + j], o = gate[3 * H + j];
    const double c_before = row < batch ? 0.0 : trace.c[(row - batch) * H + j];
    const double tanh_c = std::tanh(trace.c[row * H + j]);
    const double d = dc[j] + dh[j] * o * (1.0 - tanh_c * tanh_c);
    dz[j] = d * g * i * (1.0 - i);
    dz[H + j] = d * c_before * f * (1.0 - f);
    dz[2 * H + j] = d * i * (1.0 - g * g);
    dz[3 * H + j] = dh[j] * tanh_c * o * (1.0 - o);
    dc[j] = d * f;
  }
}

std::vector<double> LstmReference::backward_layer(const LayerOffsets& at, const LayerTrace& trace,
                                                  std::size_t batch, std::span<const double> params,
                                                  std::vector<double> dh, std::span<double> grads) const {
  const std::size_t H = layout_.shape().hidden, I = at.inputs;
  std::vector<double> dx(trace.x.size(), 0.0), dc(batch * H, 0.0), dz(4 * H);
  for (std::size_t row = trace.h.size() / H; row-- > 0;) {  // sequences of the last step first
    backward_cell(trace, row, batch, &dh[row * H], &dc[row % batch * H], dz.data());
    for (std::size_t r = 0; r < 4 * H; ++r) {
      grads[at.bias_ih + r] += dz[r];
      grads[at.bias_hh + r] += dz[r];
      for (std::size_t k = 0; k < I; ++k) {
        grads[at.weight_ih + r * I + k] += dz[r] * trace.x[row * I + k];
        dx[row * I + k] += dz[r] * params[at.weight_ih + r * I + k];
      }
      if (row < batch) continue;  // the first step starts from zero states
      const std::size_t before = (row - batch) * H;
      for (std::size_t k = 0; k < H; ++k) {
        grads[at.weight_hh + r * H + k] += dz[r] * trace.h[before + k];
        dh[before + k] += dz[r] * params[at.weight_hh + r * H + k];
      }
    }
  }
  return dx;
}

std::vector<double> LstmReference::backward(const SequenceBatch& batch, std::span<const double> params,
                                            std::span<const double> dy) const {
  const NetShape& shape = layout_.shape();
  MOP_CHECK(traces_.size() == shape.branches.size()) << "backward() before forward()";
  MOP_CHECK(dy.size() == batch.scored * batch.batch * shape.outputs) << dy.size() << " values in dy";
  std::vector<double> grads(layout_.size(), 0.0);
  for (std::size_t i = 0; i < shape.branches.size(); ++i) {
    std::vector<double> dh = backward_head(batch, params, dy, i, grads);
    for (std::size_t l = shape.layers; l-- > 0;) {
      std::vector<double> dx =
          backward_layer(layout_.layer(i, l), traces_[i][l], batch.batch, params, std::move(dh), grads);
      if (l == 0) break;
      const std::vector<double>& factors = traces_[i][l - 1].factors;
      for (std::size_t k = 0; k < dx.size(); ++k)
        dx[k] *= factors[k];
      dh = std::move(dx);
    }
  }
  return grads;
}

}  // namespace mop::nn::reference
