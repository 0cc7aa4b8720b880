#include "mop/evaluate/statistics.h"

#include <cmath>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/fs.h"
#include "mop/base/json.h"
#include "mop/base/rng.h"
#include "mop/evaluate/quantiles.h"

namespace mop::evaluate {
namespace {

namespace bj = boost::json;

constexpr double kTolerance = 1e-9;

std::vector<double> doubles(const bj::value& array) {
  return bj::value_to<std::vector<double>>(array);
}

// Truth from statsmodels, scikit-learn, SciPy and NumPy: tests/oracles/scores_statsmodels.py.
class OracleTest : public testing::Test {
 protected:
  void SetUp() override {
    PosixFs fs;
    const auto text = fs.read(MOP_SOURCE_DIR "/mop/evaluate/testdata/scores.json");
    ASSERT_TRUE(text.has_value()) << text.error().message;
    oracle_ = parse_json(*text, "scores.json").value();
  }
  bj::value oracle_;
};

TEST_F(OracleTest, DieboldMarianoMatchesRegressionOnAConstantWithHacErrors) {
  const auto& dm = oracle_.at("diebold_mariano");
  const auto differences = doubles(dm.at("differences"));
  for (const auto& c : dm.at("cases").as_array()) {
    const auto lag = c.at("lag").to_number<std::size_t>();
    const double n = static_cast<double>(differences.size());
    EXPECT_NEAR(diebold_mariano_p(differences, lag), c.at("p").as_double(), kTolerance) << lag;
    EXPECT_NEAR(newey_west_variance(differences, lag) / n, c.at("variance_of_mean").as_double(), kTolerance)
        << lag;
  }
}

TEST_F(OracleTest, WilsonIntervals) {
  for (const auto& c : oracle_.at("wilson").as_array()) {
    const Bounds b = wilson_interval95(c.at("hits").to_number<double>(), c.at("n").to_number<double>());
    EXPECT_NEAR(b.lo, c.at("lo").to_number<double>(), kTolerance);
    EXPECT_NEAR(b.hi, c.at("hi").to_number<double>(), kTolerance);
  }
}

TEST_F(OracleTest, AreaUnderRocWithTies) {
  const auto& roc = oracle_.at("roc");
  const auto positive = bj::value_to<std::vector<bool>>(roc.at("positive"));
  EXPECT_NEAR(area_under_roc(doubles(roc.at("scores")), positive), roc.at("auc").as_double(), kTolerance);
}

TEST_F(OracleTest, QuantilesAreType7) {
  const auto& q = oracle_.at("quantiles");
  auto values = doubles(q.at("values"));
  const auto ours = quantiles_of(values, doubles(q.at("levels")));
  const auto theirs = doubles(q.at("quantiles"));
  for (std::size_t i = 0; i < theirs.size(); ++i)
    EXPECT_NEAR(ours[i], theirs[i], kTolerance) << i;
}

TEST_F(OracleTest, LeastSquares) {
  const auto& ls = oracle_.at("least_squares");
  const auto ours = least_squares(doubles(ls.at("rows")), 3, doubles(ls.at("target")));
  const auto theirs = doubles(ls.at("coefficients"));
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < theirs.size(); ++i)
    EXPECT_NEAR(ours[i], theirs[i], kTolerance) << i;
}

TEST_F(OracleTest, MeanPinballLoss) {
  const auto& p = oracle_.at("pinball");
  const auto levels = doubles(p.at("levels")), quantiles = doubles(p.at("quantiles"));
  for (const auto& c : p.at("cases").as_array()) {
    EXPECT_NEAR(mean_pinball_loss(levels, quantiles, c.at("z").to_number<double>()),
                c.at("loss").to_number<double>(), kTolerance);
  }
}

TEST_F(OracleTest, RankCorrelationWithTies) {
  const auto& r = oracle_.at("rank_correlation");
  EXPECT_NEAR(rank_correlation(doubles(r.at("a")), doubles(r.at("b"))), r.at("correlation").as_double(),
              kTolerance);
}

// By hand: differences 1 -1 1 -1 have mean 0, so p is 1 whatever the variance.
TEST(DieboldMarianoTest, EqualMeansGivePOne) {
  EXPECT_DOUBLE_EQ(diebold_mariano_p(std::vector{1.0, -1.0, 1.0, -1.0}, 0), 1.0);
}

TEST(DieboldMarianoTest, EqualForecastsAndShortSeriesAreUnknown) {
  EXPECT_TRUE(std::isnan(diebold_mariano_p(std::vector<double>(50, 0.0), 7)));
  EXPECT_TRUE(std::isnan(diebold_mariano_p(std::vector{1.0, 2.0, 3.0}, 7)));
}

// Two equally good forecasts: the test may cry wolf in about 5 % of the cases, not more.
TEST(DieboldMarianoTest, FalseAlarmsStayNearTheirRate) {
  Rng rng(11, 1);
  int alarms = 0;
  constexpr int kTrials = 1000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> differences(500);
    double last = 0.0;
    for (double& d : differences) {
      const double fresh = rng.normal();
      d = fresh + 0.5 * last;  // losses of neighbouring candles are related
      last = fresh;
    }
    if (diebold_mariano_p(differences, 7) < 0.05) ++alarms;
  }
  EXPECT_GT(alarms, 25);
  EXPECT_LT(alarms, 85);
}

// By hand: positives score 3 and 1, negatives 2 and 0: of 4 pairs 3 are in order.
TEST(AreaUnderRocTest, CountsOrderedPairs) {
  EXPECT_DOUBLE_EQ(area_under_roc(std::vector{3.0, 1.0, 2.0, 0.0}, {true, true, false, false}), 0.75);
  EXPECT_TRUE(std::isnan(area_under_roc(std::vector{3.0, 1.0}, {true, true})));
}

TEST(LeastSquaresTest, ARepeatedColumnGetsNothing) {
  // target = 1 + 2 x, the second column is 3 x
  const auto b = least_squares(std::vector{0.0, 0.0, 1.0, 3.0, 2.0, 6.0, 5.0, 15.0}, 2,
                               std::vector{1.0, 3.0, 5.0, 11.0});
  EXPECT_NEAR(b[0], 1.0, 1e-12);
  EXPECT_NEAR(b[1], 2.0, 1e-12);
  EXPECT_EQ(b[2], 0.0);
}

// Through (0,0), (1,1), (2,1): slope 1/2, residuals -1/6, 1/3, -1/6; t(1 degree, 97.5 %) = 12.7062.
TEST(WeightedSlopeTest, HandWorkedExample) {
  const std::vector<double> x{0, 1, 2}, y{0, 1, 1};
  const Slope slope = weighted_slope(x, y, std::vector<double>{1, 1, 1});
  EXPECT_NEAR(slope.value, 0.5, 1e-12);
  EXPECT_NEAR(slope.ci95.hi, 0.5 + 12.7062 * std::sqrt(1.0 / 6.0 / 2.0), 1e-3);
  EXPECT_NEAR(slope.ci95.lo + slope.ci95.hi, 1.0, 1e-12);
  // A point of no weight changes nothing but the degrees of freedom.
  EXPECT_NEAR(weighted_slope(std::vector<double>{0, 1, 2, 3}, std::vector<double>{0, 1, 1, 9},
                             std::vector<double>{1, 1, 1, 0})
                  .value,
              0.5, 1e-12);
}

TEST(WeightedSlopeTest, IsUnknownWithoutThreeDifferentPoints) {
  const std::vector<double> two{0, 1}, same{3, 3, 3}, y{1, 2, 3};
  EXPECT_TRUE(std::isnan(weighted_slope(two, two, two).value));
  EXPECT_TRUE(std::isnan(weighted_slope(same, y, y).ci95.lo));
}

}  // namespace
}  // namespace mop::evaluate
