#include "mop/evaluate/baselines.h"

#include <cmath>

#include <gtest/gtest.h>

#include "mop/evaluate/scores.h"
#include "mop/evaluate/test_outcomes.h"

namespace mop::evaluate {
namespace {

BaselineForecasts baselines_for(const TestMarket& market) {
  const auto fitted = fit_baselines(market.fit, test_levels());
  EXPECT_TRUE(fitted.has_value()) << fitted.error().message;
  return forecast_baselines(*fitted, market.scored).value();
}

// Volatility moves by the hour and the day: the more a baseline knows about it, the smaller its loss.
TEST(BaselinesTest, HarBeatsEwmaBeatsStaticWhereVolatilityMoves) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const TestMarket market = make_test_market(seed, 6000, 3000);
    const auto baselines = baselines_for(market);
    const auto s = score_series(market.scored, baselines.har, baselines, "1h").value().scores;
    EXPECT_LT(s.pinball_har, s.pinball_ewma) << seed;
    EXPECT_LT(s.pinball_ewma, s.pinball_static) << seed;
    EXPECT_NEAR(s.coverage.c90, 0.9, 0.015) << seed;
    EXPECT_GT(s.log_range_r2_har, 0.2) << seed;
  }
}

TEST(BaselinesTest, HarIsTheSameWhetherItsTermsAreRelativeToSigmaOrNot) {
  TestMarket market = make_test_market(4, 500, 50);
  const auto relative = baselines_for(market);
  for (Outcomes* o : {&market.fit, &market.scored}) {
    for (std::size_t row = 0; row < o->size(); ++row) {
      for (std::size_t k = 0; k < 4; ++k)
        o->har[row * 6 + k] += std::log(o->sigma[row]);
    }
  }
  const auto absolute = baselines_for(market);
  for (std::size_t i = 0; i < relative.har.z.size(); ++i) {
    ASSERT_NEAR(relative.har.z[i], absolute.har.z[i], 1e-9) << i;
  }
  for (std::size_t i = 0; i < relative.har.log_range.size(); ++i) {
    ASSERT_NEAR(relative.har.log_range[i], absolute.har.log_range[i], 1e-12) << i;
  }
}

TEST(BaselinesTest, StaticQuantilesAreThoseOfPastReturns) {
  const TestMarket market = make_test_market(5, 1000, 20);
  const auto fitted = fit_baselines(market.fit, test_levels()).value();
  std::size_t below = 0, known = 0;
  for (std::size_t row = 0; row < market.fit.size(); ++row) {
    const double y = market.fit.target(row, 0);
    if (std::isnan(y)) continue;
    ++known;
    if (y <= fitted.static_y[1]) ++below;  // level 0.05
  }
  EXPECT_EQ(fitted.fitted_rows, known);
  EXPECT_NEAR(static_cast<double>(below) / static_cast<double>(known), 0.05, 0.002);
  const auto f = forecast_baselines(fitted, market.scored).value().fixed;
  EXPECT_DOUBLE_EQ(f.quantiles(7, 1)[0] * market.scored.sigma[7] * std::sqrt(2.0), fitted.static_y[9]);
}

// An input far outside what was fitted must not blow the forecast up.
TEST(BaselinesTest, HarScaleStaysInsideItsFittedRange) {
  const TestMarket market = make_test_market(6, 500, 20);
  const auto fitted = fit_baselines(market.fit, test_levels()).value();
  const LogLinear& scale = fitted.har_scale[0];
  std::vector<double> far_above, far_below;
  for (std::size_t k = 0; k < 6; ++k) {
    far_above.push_back(scale.coefficients[2 + k] > 0.0 ? 1e6 : -1e6);
    far_below.push_back(-far_above.back());
  }
  EXPECT_DOUBLE_EQ(scale.at(0.004, far_above), std::exp(scale.highest));
  EXPECT_DOUBLE_EQ(scale.at(0.004, far_below), std::exp(scale.lowest));
}

TEST(BaselinesTest, ReversalSaysTheOppositeOfTheLastMove) {
  TestMarket market = make_test_market(7, 500, 20);
  market.scored.last_return[0] = 0.01;
  market.scored.last_return[1] = -0.01;
  market.scored.last_return[2] = 0.0;
  const auto p = baselines_for(market).reversal_p_up;
  EXPECT_EQ(p[0], 0.0);
  EXPECT_EQ(p[1], 1.0);
  EXPECT_EQ(p[2], 0.5);
}

TEST(BaselinesTest, FewCandlesAreRefusedWithTheRemedy) {
  const auto refused = fit_baselines(make_test_market(8, 60, 20).fit, test_levels());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("at least 100"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("got 59"), std::string::npos) << refused.error().message;
}

TEST(BaselinesTest, OtherHorizonOrMalformedRowsAreRefused) {
  const TestMarket market = make_test_market(9, 500, 20, 3);
  const auto fitted = fit_baselines(market.fit, test_levels()).value();
  EXPECT_FALSE(forecast_baselines(fitted, make_test_market(9, 500, 20, 2).scored).has_value());
  Outcomes bad = market.scored;
  bad.sigma[3] = 0.0;
  const auto refused = forecast_baselines(fitted, bad);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("row 3"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace mop::evaluate
