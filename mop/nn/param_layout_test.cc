#include "mop/nn/param_layout.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace mop::nn {
namespace {

const NetShape kShape{{{"lstm_15m", 3}, {"lstm_1h", 2}}, 4, 2, 5};

TEST(NetShapeTest, NamesWhatIsOutOfRange) {
  EXPECT_TRUE(kShape.validate().has_value());
  const auto message = [](NetShape shape, auto change) {
    change(shape);
    const auto result = shape.validate();
    return result ? std::string() : result.error().message;
  };
  EXPECT_EQ(message(kShape, [](NetShape& s) { s.hidden = 0; }), "hidden units must be 1..4096, was 0");
  EXPECT_EQ(message(kShape, [](NetShape& s) { s.layers = 17; }), "layers must be 1..16, was 17");
  EXPECT_EQ(message(kShape, [](NetShape& s) { s.branches.clear(); }),
            "number of branches must be 1..2, was 0");
  EXPECT_EQ(message(kShape, [](NetShape& s) { s.branches[1].prefix = "lstm_15m"; }),
            "branch prefixes must differ, both were \"lstm_15m\"");
  EXPECT_NE(message(kShape, [](NetShape& s) { s.branches[0].prefix = "head"; }), "");
  EXPECT_NE(message(kShape, [](NetShape& s) { s.branches[0].inputs = 0; }), "");
  EXPECT_NE(message(kShape, [](NetShape& s) { s.outputs = 0; }), "");
}

TEST(ParamLayoutTest, TensorsFollowEachOtherWithoutGaps) {
  const ParamLayout layout(kShape);
  std::size_t at = 0;
  for (const Tensor& tensor : layout.tensors()) {
    EXPECT_EQ(tensor.offset, at) << tensor.name;
    at += tensor.size;
  }
  EXPECT_EQ(at, layout.size());
  EXPECT_EQ(layout.tensors().size(), 2u * 2u * 4u + 2u);
  EXPECT_EQ(layout.find("lstm_1h.weight_ih_l0").dims, (std::vector<std::size_t>{16, 2}));
  EXPECT_EQ(layout.find("lstm_15m.weight_ih_l1").dims, (std::vector<std::size_t>{16, 4}));
  EXPECT_EQ(layout.find("head.weight").dims, (std::vector<std::size_t>{5, 8}));
  EXPECT_EQ(layout.layer(1, 1).bias_hh, layout.find("lstm_1h.bias_hh_l1").offset);
}

TEST(InitParamsTest, ForgetGatesAreOpenHeadIsZeroTheRestIsInBounds) {
  const ParamLayout layout(kShape);
  std::vector<float> params(layout.size(), 99.0f);
  init_params(layout, 7, params);
  const std::size_t H = kShape.hidden;
  for (const Tensor& tensor : layout.tensors()) {
    for (std::size_t i = 0; i < tensor.size; ++i) {
      const float value = params[tensor.offset + i];
      const bool forget = i / H == 1 && tensor.dims.size() == 1;
      if (tensor.name.starts_with("head")) {
        EXPECT_EQ(value, 0.0f) << tensor.name;
      } else if (forget) {
        EXPECT_EQ(value, tensor.name.find("bias_ih") != std::string::npos ? 1.0f : 0.0f) << tensor.name;
      } else {
        EXPECT_LE(std::abs(value), 0.5f) << tensor.name;  // 1 / sqrt(4)
      }
    }
  }
}

TEST(InitParamsTest, IsAFunctionOfTheSeedAndSpreadsUniformly) {
  const ParamLayout layout(NetShape{{{"lstm", 42}}, 64, 2, 1});
  std::vector<float> a(layout.size()), b(layout.size()), c(layout.size());
  init_params(layout, 7, a);
  init_params(layout, 7, b);
  init_params(layout, 8, c);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  const Tensor& weights = layout.find("lstm.weight_hh_l1");
  double sum = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < weights.size; ++i) {
    const double w = static_cast<double>(a[weights.offset + i]) * 8.0;  // -1..1
    sum += w;
    squares += w * w;
  }
  const auto n = static_cast<double>(weights.size);
  EXPECT_NEAR(sum / n, 0.0, 4.0 * std::sqrt(1.0 / 3.0 / n));  // four standard errors of the mean
  EXPECT_NEAR(squares / n, 1.0 / 3.0, 4.0 * std::sqrt(4.0 / 45.0 / n));
}

}  // namespace
}  // namespace mop::nn
