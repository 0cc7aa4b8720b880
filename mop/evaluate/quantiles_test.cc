#include "mop/evaluate/quantiles.h"

#include <cmath>

#include <gtest/gtest.h>

namespace mop::evaluate {
namespace {

const std::vector<double> kQuartiles{0.25, 0.5, 0.75};

// By hand: type 7 on 1 2 4: position 2 * 0.75 = 1.5, half way from 2 to 4.
TEST(QuantilesTest, InterpolatesBetweenOrderStatistics) {
  std::vector<double> values{4.0, 1.0, 2.0};
  EXPECT_EQ(quantiles_of(values, std::vector{0.0, 0.5, 0.75, 1.0}), (std::vector{1.0, 2.0, 3.0, 4.0}));
}

// By hand: z = 2 above q = 1 at level 0.9 costs 0.9; z = 0 below it costs 0.1.
TEST(PinballTest, HandWorked) {
  EXPECT_DOUBLE_EQ(pinball_loss(0.9, 1.0, 2.0), 0.9);
  EXPECT_DOUBLE_EQ(pinball_loss(0.9, 1.0, 0.0), 0.1);
  EXPECT_DOUBLE_EQ(pinball_loss(0.9, 1.0, 1.0), 0.0);
  EXPECT_DOUBLE_EQ(mean_pinball_loss(kQuartiles, std::vector{-1.0, 0.0, 1.0}, 2.0),
                   (0.75 + 1.0 + 0.75) / 3.0);
}

TEST(CdfTest, IsTheLevelAtEachQuantileAndStraightBetween) {
  const std::vector q{-1.0, 0.0, 3.0};
  for (std::size_t l = 0; l < 3; ++l)
    EXPECT_DOUBLE_EQ(cdf_at(kQuartiles, q, q[l]), kQuartiles[l]);
  EXPECT_DOUBLE_EQ(cdf_at(kQuartiles, q, 1.5), 0.625);
}

TEST(CdfTest, TailsJoinSmoothlyAndNeverReachTheEnd) {
  const std::vector q{-1.0, 0.0, 3.0};
  const double eps = 1e-6;
  const double inner = (cdf_at(kQuartiles, q, -1.0 + eps) - 0.25) / eps;
  const double outer = (0.25 - cdf_at(kQuartiles, q, -1.0 - eps)) / eps;
  EXPECT_NEAR(inner, outer, 1e-5);
  EXPECT_NEAR(cdf_at(kQuartiles, q, -2.0), 0.25 * std::exp(-1.0), 1e-12);  // scale 0.25 * 1 / 0.25 = 1
  double last = 0.0;
  for (double x = -20.0; x < 40.0; x += 0.25) {
    const double p = cdf_at(kQuartiles, q, x);
    EXPECT_GT(p, last) << x;
    EXPECT_LT(p, 1.0) << x;
    last = p;
  }
}

TEST(CdfTest, AJumpReturnsItsMiddle) {
  EXPECT_DOUBLE_EQ(cdf_at(kQuartiles, std::vector{0.0, 0.0, 1.0}, 0.0), 0.375);
  EXPECT_DOUBLE_EQ(cdf_at(kQuartiles, std::vector{0.0, 0.0, 0.0}, -1.0), 0.0);  // no width, no tail
  EXPECT_DOUBLE_EQ(cdf_at(kQuartiles, std::vector{0.0, 0.0, 0.0}, 1.0), 1.0);
}

TEST(PUpTest, ASymmetricForecastIsUndecidedAndAShiftedOneIsNot) {
  EXPECT_DOUBLE_EQ(p_up_from_quantiles(kQuartiles, std::vector{-1.0, 0.0, 1.0}), 0.5);
  EXPECT_DOUBLE_EQ(p_up_from_quantiles(kQuartiles, std::vector{-0.5, 0.5, 1.5}), 0.625);
  EXPECT_GT(p_up_from_quantiles(kQuartiles, std::vector{1.0, 2.0, 3.0}), 0.75);
}

TEST(LevelIndexTest, FindsComputedLevels) {
  EXPECT_EQ(level_index(std::vector{0.05, 0.1}, 0.5 - 0.9 / 2.0), 0u);
  EXPECT_EQ(level_index(std::vector{0.05, 0.1}, 0.2), std::nullopt);
}

}  // namespace
}  // namespace mop::evaluate
