#include "mop/nn/quantile_head.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "mop/nn/test_support.h"

namespace mop::nn {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

QuantileHead two_steps() {
  return {
      {0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975},
      2,
      {-2.1, -1.6, -1.2, -0.6, 0.01, 0.6, 1.25, 1.7, 2.2, -2.0, -1.5, -1.1, -0.5, 0.0, 0.5, 1.1, 1.5, 2.0}};
}

TEST(QuantileHeadTest, ZeroOutputsGiveTheBaseQuantilesExactly) {
  const QuantileHead head = two_steps();
  std::vector<double> q(18);
  quantiles(head, std::vector<float>(20), q);
  EXPECT_EQ(q, head.base);
}

// Levels 0.25 0.5 0.75, base -1 0 2. Raw: location 0.5, log_scale s, gaps d1 = a, d2 = 0:
// q = 0.5 - 1 e^clamp(a) e^clamp(s), 0.5, 0.5 + 2 e^clamp(s).
TEST(QuantileHeadTest, MatchesHandWorkedExample) {
  const QuantileHead head{{0.25, 0.5, 0.75}, 1, {-1.0, 0.0, 2.0}};
  std::vector<double> q(3);
  quantiles(head, std::vector<float>{0.5f, 0.75f, -1.25f, 0.0f}, q);
  const double scale = std::exp(4.0 * std::tanh(0.75 / 4.0)), gap = std::exp(4.0 * std::tanh(-1.25 / 4.0));
  EXPECT_NEAR(q[0], 0.5 - gap * scale, 1e-14);
  EXPECT_EQ(q[1], 0.5);
  EXPECT_NEAR(q[2], 0.5 + 2.0 * scale, 1e-14);
}

TEST(QuantileHeadTest, QuantilesNeverCrossWhateverTheOutputs) {
  const QuantileHead head = two_steps();
  std::vector<double> q(18);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    quantiles(head, random_values(20, seed % 2 == 0 ? 3.0 : 1000.0, seed), q);
    for (std::size_t h = 0; h < 2; ++h)
      EXPECT_TRUE(
          std::is_sorted(q.begin() + 9 * static_cast<int>(h), q.begin() + 9 * static_cast<int>(h + 1)));
    EXPECT_TRUE(std::ranges::all_of(q, [](double v) { return std::isfinite(v); }));
  }
}

// One level, one step: q = 0 + 0.5, z = 2 lies above: 0.5 * 1.5; z = 0 below: 0.5 * 0.5.
TEST(PinballTest, MatchesHandWorkedExample) {
  const QuantileHead head{{0.5}, 1, {0.0}};
  const std::vector<float> raw{0.5f, 0.0f};
  std::vector<float> draw(2);
  EXPECT_EQ(pinball_loss_and_grad(head, raw, std::vector<double>{2.0}, 3.0, draw), 3.0 * 0.75);
  EXPECT_EQ(draw, (std::vector<float>{-1.5f, 0.0f}));
  EXPECT_EQ(pinball_loss_and_grad(head, raw, std::vector<double>{0.0}, 1.0, draw), 0.25);
  EXPECT_EQ(draw, (std::vector<float>{0.5f, 0.0f}));
}

// Raw outputs are floats, so a step of 2^-10 is exact; the loss is smooth between its kinks, where no target
// lies within a step of a quantile. Error of central differences: third derivative times step^2, about 1e-6.
TEST(PinballTest, GradientAgreesWithFiniteDifferences) {
  const QuantileHead head = two_steps();
  for (const std::vector<double>& z : {std::vector<double>{0.3, -1.9}, {-7.0, 5.0}, {0.9, kNaN}}) {
    std::vector<float> raw = random_values(20, 0.7, 9), draw(20, 99.0f), unused(20);
    pinball_loss_and_grad(head, raw, z, 1.7, draw);
    for (std::size_t i = 0; i < raw.size(); ++i) {
      constexpr float kStep = 0x1p-10f;
      const float value = std::round(raw[i] * 1024.0f) / 1024.0f;
      raw[i] = value;
      pinball_loss_and_grad(head, raw, z, 1.7, draw);
      raw[i] = value + kStep;
      const double above = pinball_loss_and_grad(head, raw, z, 1.7, unused);
      raw[i] = value - kStep;
      const double below = pinball_loss_and_grad(head, raw, z, 1.7, unused);
      raw[i] = value;
      EXPECT_NEAR(static_cast<double>(draw[i]), (above - below) / (2.0 * static_cast<double>(kStep)), 3e-6)
          << i;
    }
  }
}

TEST(PinballTest, StepsWithoutTargetDoNotCount) {
  const QuantileHead head = two_steps();
  const std::vector<float> raw = random_values(20, 0.7, 9);
  std::vector<float> draw(20, 99.0f);
  EXPECT_EQ(pinball_loss_and_grad(head, raw, std::vector<double>{kNaN, kNaN}, 1.0, draw), 0.0);
  EXPECT_EQ(draw, std::vector<float>(20, 0.0f));
  const double first = pinball_loss_and_grad(head, raw, std::vector<double>{0.3, kNaN}, 1.0, draw);
  const double second = pinball_loss_and_grad(head, raw, std::vector<double>{kNaN, 0.4}, 1.0, draw);
  EXPECT_TRUE(std::all_of(draw.begin(), draw.begin() + 10, [](float d) { return d == 0.0f; }));
  EXPECT_NEAR(pinball_loss_and_grad(head, raw, std::vector<double>{0.3, 0.4}, 1.0, draw),
              (first + second) / 2.0, 1e-15);
}

TEST(PinballTest, ADivergedNetworkGivesNaN) {
  std::vector<float> raw(20), draw(20);
  raw[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(pinball_loss_and_grad(two_steps(), raw, std::vector<double>{0.3, 0.4}, 1.0, draw)));
}

TEST(QuantileHeadTest, NamesTheBrokenRule) {
  EXPECT_TRUE(two_steps().validate().has_value());
  const auto broken = [](auto change) {
    QuantileHead head = two_steps();
    change(head);
    return !head.validate().has_value();
  };
  EXPECT_TRUE(broken([](QuantileHead& h) { h.levels[4] = 0.51; }));
  EXPECT_TRUE(broken([](QuantileHead& h) { h.levels[8] = 1.0; }));
  EXPECT_TRUE(broken([](QuantileHead& h) { std::swap(h.levels[0], h.levels[1]); }));
  EXPECT_TRUE(broken([](QuantileHead& h) { h.horizon = 3; }));
  EXPECT_TRUE(broken([](QuantileHead& h) { h.base[12] = h.base[11]; }));
  EXPECT_TRUE(broken([](QuantileHead& h) { h.base[0] = kNaN; }));
}

}  // namespace
}  // namespace mop::nn
