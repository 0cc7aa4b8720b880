// Twenty random shapes against PyTorch in double (tests/oracles/torch_shapes.py), the reference and, on every
// instruction set of this machine, the engine.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "hwy/targets.h"
#include "mop/base/fs.h"
#include "mop/base/json.h"
#include "mop/nn/cpu/network.h"
#include "mop/nn/reference/lstm_reference.h"
#include "mop/nn/test_support.h"

namespace mop::nn {
namespace {

namespace json = boost::json;

std::uint64_t splitmix(std::uint64_t state) {
  std::uint64_t z = state + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// Value i of a stream, as the script draws it: a multiple of 1/1024 in [-1, 1).
double drawn(std::uint64_t stream, std::size_t i) {
  return static_cast<double>(splitmix(stream << 32 | i) >> 53) / 1024.0 - 1.0;
}

struct ShapeCase {
  NetShape shape;
  OwnedBatch batch;
  std::vector<float> params, dy;
  const json::object* answers;
};

std::size_t number(const json::object& o, const char* key) {
  return o.at(key).to_number<std::size_t>();
}

void add_branch(const json::object& branch, bool masked, std::uint64_t stream, ShapeCase& out) {
  const std::size_t inputs = number(branch, "inputs"), steps = number(branch, "steps");
  std::vector<float> x(steps * out.batch.batch * inputs);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = masked && i % inputs >= inputs / 2 ? 0.0f : static_cast<float>(drawn(stream, i));
  std::vector<std::int32_t> read;
  for (const json::value& step : branch.at("read").as_array())
    read.insert(read.end(), out.batch.batch, step.to_number<std::int32_t>());
  out.batch.steps.push_back(steps);
  out.batch.x.push_back(std::move(x));
  out.batch.read_step.push_back(std::move(read));
}

ShapeCase make_case(const json::object& o) {
  ShapeCase out{{{}, number(o, "hidden"), number(o, "layers"), number(o, "outputs")}, {}, {}, {}, &o};
  out.batch.batch = number(o, "batch");
  out.batch.scored = number(o, "scored");
  for (const json::value& branch : o.at("branches").as_array()) {
    out.shape.branches.push_back(
        {json::value_to<std::string>(branch.at("prefix")), number(branch.as_object(), "inputs")});
  }
  std::uint64_t stream = 1;
  const ParamLayout layout(out.shape);
  for (const Tensor& tensor : layout.tensors()) {
    for (std::size_t i = 0; i < tensor.size; ++i)
      out.params.push_back(static_cast<float>(0.5 * drawn(stream, i)));
    ++stream;
  }
  for (const json::value& branch : o.at("branches").as_array())
    add_branch(branch.as_object(), number(o, "masked") != 0, stream++, out);
  for (std::size_t i = 0; i < out.batch.scored * out.batch.batch * out.shape.outputs; ++i)
    out.dy.push_back(static_cast<float>(drawn(stream, i)));
  return out;
}

// The gradient's products with the script's vectors agree to `tolerance` of the gradient's norm times theirs.
template <class T>
void expect_gradients(const ShapeCase& at, const std::vector<T>& grads, double tolerance) {
  const ParamLayout layout(at.shape);
  for (std::size_t i = 0; i < layout.tensors().size(); ++i) {
    const Tensor& tensor = layout.tensors()[i];
    const double norm = at.answers->at("norms").at(i).to_number<double>();
    for (std::uint64_t probe = 0; probe < 4; ++probe) {
      double product = 0.0, size = 0.0;
      for (std::size_t k = 0; k < tensor.size; ++k) {
        const double weight = drawn(100 + probe, k);
        product += weight * static_cast<double>(grads[tensor.offset + k]);
        size += weight * weight;
      }
      const double expected = at.answers->at("probes").at(i).at(probe).to_number<double>();
      ASSERT_NEAR(product, expected, tolerance * norm * std::sqrt(size)) << tensor.name;
    }
  }
}

// At most 64 values are in the file; their sum covers the rest.
template <class Values>
void expect_outputs(const ShapeCase& at, const Values& y, double tolerance) {
  const json::array& expected = at.answers->at("y").as_array();
  double sum = 0.0;
  for (const auto value : y)
    sum += static_cast<double>(value);
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(static_cast<double>(y[i]), expected[i].to_number<double>(), tolerance);
  ASSERT_NEAR(sum, at.answers->at("y_sum").to_number<double>(), tolerance * static_cast<double>(y.size()));
}

class TorchShapesTest : public testing::Test {
 protected:
  static json::value read_document() {
    PosixFs fs;
    return *parse_json(*fs.read(MOP_SOURCE_DIR "/mop/nn/testdata/torch_shapes.json"), "torch_shapes.json");
  }
  void TearDown() override { choose(0); }
  static void choose(std::int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  const json::value document_ = read_document();
};

TEST_F(TorchShapesTest, ReferenceAgreesToOneBillionth) {
  ASSERT_EQ(document_.at("cases").as_array().size(), 20u);
  for (const json::value& v : document_.at("cases").as_array()) {
    const ShapeCase at = make_case(v.as_object());
    reference::LstmReference reference(at.shape);
    const std::vector<double> params(at.params.begin(), at.params.end()), dy(at.dy.begin(), at.dy.end());
    expect_outputs(at, reference.forward(at.batch.view(), params), 1e-9);
    expect_gradients(at, reference.backward(at.batch.view(), params, dy), 1e-9);
  }
}

TEST_F(TorchShapesTest, EngineAgreesOnEveryInstructionSet) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    choose(target);
    for (const json::value& v : document_.at("cases").as_array()) {
      const ShapeCase at = make_case(v.as_object());
      cpu::Network network(at.shape);
      const TrainingStep step = training_step(network, at.batch.view(), at.params, at.dy);
      expect_outputs(at, step.y, 1e-5);
      expect_gradients(at, step.grads, 1e-5);
    }
  }
}

}  // namespace
}  // namespace mop::nn
