#include "mop/nn/test_support.h"

#include <algorithm>
#include <limits>

#include <boost/json.hpp>

#include "mop/base/check.h"
#include "mop/base/fs.h"
#include "mop/base/json.h"
#include "mop/base/rng.h"

namespace mop::nn {
namespace {

namespace json = boost::json;

json::value torch_document() {
  PosixFs fs;
  const auto text = fs.read(MOP_SOURCE_DIR "/mop/nn/testdata/torch_lstm.json");
  MOP_CHECK(text.has_value()) << text.error().message;
  auto document = parse_json(*text, "torch_lstm.json");
  MOP_CHECK(document.has_value()) << document.error().message;
  return std::move(*document);
}

std::vector<double> doubles(const json::value& list) {
  std::vector<double> out;
  for (const json::value& v : list.as_array())
    out.push_back(v.to_number<double>());
  return out;
}

std::vector<float> floats(const json::value& list) {
  const std::vector<double> wide = doubles(list);
  return {wide.begin(), wide.end()};
}

TorchCase read_case(const json::value& v) {
  const auto count = [](const json::value& at, const char* key) {
    return at.at(key).to_number<std::size_t>();
  };
  TorchCase out;
  out.name = json::value_to<std::string>(v.at("name"));
  out.shape = {{}, count(v, "hidden"), count(v, "layers"), count(v, "outputs")};
  out.batch = {count(v, "batch"), count(v, "scored"), {}, {}, {}};
  for (const json::value& branch : v.at("branches").as_array()) {
    out.shape.branches.push_back({json::value_to<std::string>(branch.at("prefix")), count(branch, "inputs")});
    out.batch.steps.push_back(count(branch, "steps"));
    out.batch.x.push_back(floats(branch.at("x")));
    std::vector<std::int32_t>& read = out.batch.read_step.emplace_back();
    for (const json::value& step : branch.at("read_step").as_array())
      read.push_back(step.to_number<std::int32_t>());
  }
  const ParamLayout layout(out.shape);
  out.params.resize(layout.size());
  out.grads.resize(layout.size());
  MOP_CHECK(v.at("tensors").as_array().size() == layout.tensors().size()) << "PyTorch has other tensors";
  for (const json::value& tensor : v.at("tensors").as_array()) {
    const Tensor& at = layout.find(json::value_to<std::string>(tensor.at("name")));
    MOP_CHECK(json::value_to<std::vector<std::size_t>>(tensor.at("dims")) == at.dims) << at.name;
    std::ranges::copy(floats(tensor.at("values")),
                      out.params.begin() + static_cast<std::ptrdiff_t>(at.offset));
    std::ranges::copy(doubles(tensor.at("grad")), out.grads.begin() + static_cast<std::ptrdiff_t>(at.offset));
  }
  out.y = doubles(v.at("y"));
  out.dy = doubles(v.at("dy"));
  return out;
}

}  // namespace

SequenceBatch OwnedBatch::view() const {
  SequenceBatch out{batch, scored, {}};
  for (std::size_t i = 0; i < x.size(); ++i)
    out.branches.push_back({steps[i], x[i], read_step[i]});
  return out;
}

OwnedBatch OwnedBatch::sequence(std::size_t b) const {
  OwnedBatch out{1, scored, steps, {}, {}};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t inputs = x[i].size() / steps[i] / batch;
    std::vector<float>& values = out.x.emplace_back();
    for (std::size_t t = 0; t < steps[i]; ++t) {
      const auto from = x[i].begin() + static_cast<std::ptrdiff_t>((t * batch + b) * inputs);
      values.insert(values.end(), from, from + static_cast<std::ptrdiff_t>(inputs));
    }
    std::vector<std::int32_t>& read = out.read_step.emplace_back();
    for (std::size_t s = 0; s < scored; ++s)
      read.push_back(read_step[i][s * batch + b]);
  }
  return out;
}

OwnedBatch random_batch(const NetShape& shape, std::size_t batch, std::size_t scored,
                        std::vector<std::size_t> steps, std::uint64_t seed) {
  OwnedBatch out{batch, scored, std::move(steps), {}, {}};
  Rng rng(seed, 1);
  for (std::size_t i = 0; i < shape.branches.size(); ++i) {
    const std::size_t T = out.steps[i];
    out.x.push_back(random_values(T * batch * shape.branches[i].inputs, 1.0, seed + i));
    std::vector<std::int32_t>& read = out.read_step.emplace_back();
    for (std::size_t k = 0; k < scored * batch; ++k) {
      read.push_back(static_cast<std::int32_t>(k / batch + 1 == scored ? T - 1 : rng.below(T)));
    }
  }
  return out;
}

std::vector<float> random_values(std::size_t count, double scale, std::uint64_t seed) {
  Rng rng(seed, 2);
  std::vector<float> out(count);
  for (float& v : out)
    v = static_cast<float>(rng.normal() * scale);
  return out;
}

TrainingStep training_step(cpu::Network& network, const SequenceBatch& batch, std::span<const float> params,
                           std::span<const float> dy, const Dropout& dropout) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  TrainingStep out{std::vector<float>(dy.size(), kNaN), std::vector<float>(params.size(), kNaN)};
  const auto copy_rows = [&](const cpu::TrainedRows& rows) {
    const std::size_t outputs = dy.size() / (batch.scored * batch.batch), width = rows.count * outputs;
    for (std::size_t s = 0; s < batch.scored; ++s) {
      const std::size_t at = (s * batch.batch + rows.first) * outputs;
      std::ranges::copy(rows.y.subspan(s * width, width), out.y.begin() + static_cast<std::ptrdiff_t>(at));
      std::ranges::copy(dy.subspan(at, width), rows.dy.begin() + static_cast<std::ptrdiff_t>(s * width));
    }
  };
  network.gradients(batch, params, dropout, copy_rows, out.grads);
  return out;
}

std::vector<TorchCase> torch_cases() {
  std::vector<TorchCase> out;
  const json::value document = torch_document();
  for (const json::value& v : document.at("cases").as_array())
    out.push_back(read_case(v));
  return out;
}

TorchAdam torch_adam() {
  const json::value document = torch_document();
  const json::value& v = document.at("adam");
  const auto number = [&](const char* key) { return v.at(key).to_number<double>(); };
  TorchAdam out{{number("lr"), number("beta1"), number("beta2"), number("eps"), number("weight_decay")},
                doubles(v.at("start")),
                {},
                {}};
  for (const json::value& grad : v.at("grads").as_array())
    out.grads.push_back(doubles(grad));
  for (const json::value& params : v.at("params").as_array())
    out.params.push_back(doubles(params));
  return out;
}

}  // namespace mop::nn
