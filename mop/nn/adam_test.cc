#include "mop/nn/adam.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "mop/nn/test_support.h"

namespace mop::nn {
namespace {

// The first step has m / (1 - beta1) = g and v / (1 - beta2) = g^2: it moves by lr against the sign.
TEST(AdamTest, TheFirstStepMovesByTheLearningRate) {
  Adam adam(3, {.lr = 0.1});
  std::vector<float> params{1.0f, 1.0f, 1.0f};
  adam.step(params, std::vector<float>{0.5f, -200.0f, 0.0f});
  EXPECT_NEAR(params[0], 0.9f, 1e-6f);
  EXPECT_NEAR(params[1], 1.1f, 1e-6f);
  EXPECT_EQ(params[2], 1.0f);
}

// Float state against PyTorch in double.
TEST(AdamTest, MatchesPyTorchAdamW) {
  const TorchAdam torch = torch_adam();
  Adam adam(torch.start.size(), torch.options);
  std::vector<float> params(torch.start.begin(), torch.start.end());
  for (std::size_t t = 0; t < torch.grads.size(); ++t) {
    adam.step(params, std::vector<float>(torch.grads[t].begin(), torch.grads[t].end()));
    for (std::size_t i = 0; i < params.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(params[i]), torch.params[t][i], 1e-6)
          << "step " << t << " parameter " << i;
    }
  }
}

TEST(AdamTest, GoesOnFromASavedStateAsIfNothingHappened) {
  std::vector<float> through{1.0f, -2.0f}, resumed = through;
  const std::vector<float> grads{0.3f, -0.7f};
  Adam a(2, {.lr = 0.01}), b(2, {.lr = 0.01});
  for (int i = 0; i < 4; ++i)
    a.step(through, grads);
  for (int i = 0; i < 2; ++i)
    b.step(resumed, grads);
  Adam c(AdamState(b.state()), {.lr = 0.01});
  for (int i = 0; i < 2; ++i)
    c.step(resumed, grads);
  EXPECT_EQ(through, resumed);
  EXPECT_EQ(c.state().steps, 4u);
}

TEST(ClipGradientTest, ScalesToTheLimitOnlyAboveIt) {
  std::vector<float> grads{3.0f, -4.0f};
  EXPECT_EQ(clip_gradient(grads, 5.0), 5.0);
  EXPECT_EQ(grads, (std::vector<float>{3.0f, -4.0f}));
  EXPECT_EQ(clip_gradient(grads, 1.0), 5.0);
  EXPECT_NEAR(grads[0], 0.6f, 1e-7f);
  EXPECT_NEAR(grads[1], -0.8f, 1e-7f);
}

TEST(ClipGradientTest, NaNIsReportedAndLeftAlone) {
  std::vector<float> grads{3.0f, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_TRUE(std::isnan(clip_gradient(grads, 1.0)));
  EXPECT_EQ(grads[0], 3.0f);
}

}  // namespace
}  // namespace mop::nn
