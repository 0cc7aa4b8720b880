#include "mop/nn/reference/lstm_reference.h"

#include <gtest/gtest.h>

#include "mop/nn/test_support.h"

namespace mop::nn::reference {
namespace {

double sum_of_products(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

std::vector<double> widen(const std::vector<float>& v) {
  return {v.begin(), v.end()};
}

// One unit, one input, two steps, worked with a calculator. Weights: i 1, f 2, g 1, o -1 on x; i 0, f 1, g
// -1, o 2 on h; bias_ih f 1, bias_hh o 0.5, the rest 0. x = 1, then -1.
//   step 1: i = s(1) = 0.731058579, g = tanh 1 = 0.761594156, o = s(-1 + 0.5) = 0.377540669
//           c = i g = 0.556769941, h = o tanh c = 0.377540669 * 0.505576932 = 0.190875853
//   step 2: i = s(-1) = 0.268941421, f = s(-2 + h + 1) = s(-0.809124147) = 0.308077166
//           g = tanh(-1 - h) = -0.830850307, o = s(1 + 2 h + 0.5) = s(1.881751706) = 0.867812201
//           c = 0.308077166 * 0.556769941 + 0.268941421 * -0.830850307 = -0.051921957
//           h = o tanh c = -0.045018060
// Head: y = 3 h + 0.25.
TEST(LstmReferenceTest, MatchesHandWorkedExample) {
  LstmReference lstm(NetShape{{{"lstm", 1}}, 1, 1, 1});
  const std::vector<double> params{1, 2, 1, -1, 0, 1, -1, 2, 0, 1, 0, 0, 0, 0, 0, 0.5, 3, 0.25};
  const std::vector<float> x{1.0f, -1.0f};
  const std::vector<std::int32_t> read{0, 1};
  const auto y = lstm.forward({1, 2, {{2, x, read}}}, params);
  EXPECT_NEAR(y[0], 3 * 0.190875853 + 0.25, 1e-8);
  EXPECT_NEAR(y[1], 3 * -0.045018060 + 0.25, 1e-8);
}

struct GradientCase {
  NetShape shape;
  std::size_t batch, scored;
  std::vector<std::size_t> steps;
  float dropout;
};

class LstmReferenceGradientTest : public testing::TestWithParam<GradientCase> {};

// Central differences of a smooth function: error about step^2 (1e-10), rounding about 1e-16 / step (1e-11).
TEST_P(LstmReferenceGradientTest, AgreesWithFiniteDifferences) {
  const GradientCase& at = GetParam();
  LstmReference lstm(at.shape);
  const OwnedBatch owned = random_batch(at.shape, at.batch, at.scored, at.steps, 3);
  const SequenceBatch batch = owned.view();
  std::vector<double> params = widen(random_values(lstm.layout().size(), 0.5, 4));
  const std::vector<double> dy = widen(random_values(at.scored * at.batch * at.shape.outputs, 1.0, 5));
  const Dropout dropout{at.dropout, 11, 12};
  lstm.forward(batch, params, dropout);
  const std::vector<double> grads = lstm.backward(batch, params, dy);
  constexpr double kStep = 1e-5;
  for (const Tensor& tensor : lstm.layout().tensors()) {
    for (std::size_t i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      const double value = params[i];
      params[i] = value + kStep;
      const double above = sum_of_products(dy, lstm.forward(batch, params, dropout));
      params[i] = value - kStep;
      const double below = sum_of_products(dy, lstm.forward(batch, params, dropout));
      params[i] = value;
      ASSERT_NEAR(grads[i], (above - below) / (2 * kStep), 1e-8) << tensor.name << " " << i - tensor.offset;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LstmReferenceGradientTest,
                         testing::Values(GradientCase{{{{"lstm", 3}}, 4, 1, 2}, 2, 1, {5}, 0.0f},
                                         GradientCase{{{{"lstm", 2}}, 3, 3, 2}, 2, 4, {4}, 0.4f},
                                         GradientCase{{{{"a", 2}, {"b", 3}}, 3, 2, 2}, 2, 3, {5, 3}, 0.3f}));

// Both sides compute in double; sums in another order differ by some 1e-15.
TEST(LstmReferenceTest, MatchesPyTorch) {
  for (const TorchCase& torch : torch_cases()) {
    LstmReference lstm(torch.shape);
    const std::vector<double> params = widen(torch.params);
    const SequenceBatch batch = torch.batch.view();
    const std::vector<double> y = lstm.forward(batch, params);
    const std::vector<double> grads = lstm.backward(batch, params, torch.dy);
    ASSERT_EQ(y.size(), torch.y.size()) << torch.name;
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(y[i], torch.y[i], 1e-10) << torch.name << " y " << i;
    for (std::size_t i = 0; i < grads.size(); ++i) {
      ASSERT_NEAR(grads[i], torch.grads[i], 1e-10) << torch.name << " gradient " << i;
    }
  }
}

}  // namespace
}  // namespace mop::nn::reference
