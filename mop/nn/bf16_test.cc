#include "mop/nn/bf16.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "mop/nn/test_support.h"

namespace mop::nn {
namespace {

const NetShape kShape{{{"lstm_15m", 3}, {"lstm_1h", 2}}, 1, 2, 5};

// What becomes of `value` as a recurrent weight.
float rounded(float value) {
  const ParamLayout layout(kShape);
  std::vector<float> params(layout.size());
  const std::size_t at = layout.layer(1, 1).weight_hh;
  params[at] = value;
  round_recurrent_weights(layout, params);
  return params[at];
}

TEST(Bf16Test, RoundsToTheNearestAndTiesToEven) {
  // Between 1 and 2 bfloat16 values are 1/128 apart.
  EXPECT_EQ(rounded(1.0f), 1.0f);
  EXPECT_EQ(rounded(1.0f + 0.49f / 128), 1.0f);
  EXPECT_EQ(rounded(1.0f + 0.51f / 128), 1.0f + 1.0f / 128);
  EXPECT_EQ(rounded(1.0f + 0.5f / 128), 1.0f);
  EXPECT_EQ(rounded(1.0f + 1.5f / 128), 1.0f + 2.0f / 128);
  EXPECT_EQ(rounded(-1.0f - 1.5f / 128), -1.0f - 2.0f / 128);
  EXPECT_EQ(rounded(2.0f - 0.1f / 128), 2.0f);  // the carry goes into the exponent
  EXPECT_EQ(std::bit_cast<std::uint32_t>(rounded(-0.0f)), 0x80000000u);
  EXPECT_TRUE(std::isnan(rounded(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_TRUE(std::isinf(rounded(std::numeric_limits<float>::infinity())));
}

TEST(Bf16Test, OnlyRecurrentWeightsAreRoundedAllOfThemWithinTheBound) {
  const NetShape shape{{{"lstm_15m", 3}, {"lstm_1h", 2}}, 4, 2, 5};
  const ParamLayout layout(shape);
  const std::vector<float> before = random_values(layout.size(), 0.3, 1);
  std::vector<float> after = before;
  round_recurrent_weights(layout, after);
  for (const Tensor& tensor : layout.tensors()) {
    const bool recurrent = tensor.name.find("weight_hh") != std::string::npos;
    EXPECT_EQ(are_bf16(std::span(after).subspan(tensor.offset, tensor.size)), recurrent) << tensor.name;
    for (std::size_t i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      EXPECT_LE(std::abs(after[i] - before[i]), recurrent ? std::abs(before[i]) / 256 : 0.0f) << tensor.name;
    }
  }
}

}  // namespace
}  // namespace mop::nn
