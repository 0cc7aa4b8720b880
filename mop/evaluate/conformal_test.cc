#include "mop/evaluate/conformal.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "mop/evaluate/quantiles.h"
#include "mop/evaluate/test_outcomes.h"

namespace mop::evaluate {
namespace {

constexpr std::size_t kCandles = 6000;

// An oracle's forecasts, with every quantile `factor` times as far from the median as it should be.
struct Case {
  explicit Case(double factor, std::size_t candles = kCandles)
      : market(make_test_market(7, 500, candles)), forecasts(oracle_forecasts(market)) {
    for (double& z : forecasts.z)
      z *= factor;
  }
  TestMarket market;
  Forecasts forecasts;
};

double coverage90(const Outcomes& outcomes, const Forecasts& f, std::size_t step, std::size_t first) {
  double inside = 0, n = 0;
  for (std::size_t row = first; row < outcomes.size(); ++row) {
    const double z = scaled_target(outcomes, row, step);
    if (std::isnan(z)) continue;
    const auto q = f.quantiles(row, step);
    inside += q[1] <= z && z <= q[7] ? 1 : 0;
    n += 1;
  }
  return inside / n;
}

double mean_pinball(const Outcomes& outcomes, const Forecasts& f) {
  double sum = 0, n = 0;
  for (std::size_t row = 0; row < outcomes.size(); ++row) {
    const double z = scaled_target(outcomes, row, 0);
    if (std::isnan(z)) continue;
    sum += mean_pinball_loss(f.levels, f.quantiles(row, 0), z);
    n += 1;
  }
  return sum / n;
}

class WrongWidthTest : public testing::TestWithParam<double> {};

TEST_P(WrongWidthTest, IntervalsComeToCoverWhatTheyState) {
  Case c(GetParam());
  ASSERT_GT(std::abs(coverage90(c.market.scored, c.forecasts, 0, 0) - 0.9), 0.04);
  AdaptiveConformal(c.forecasts.levels, c.forecasts.horizon, {}).run(c.market.scored, c.forecasts);
  for (const std::size_t step : {0u, 2u})
    EXPECT_NEAR(coverage90(c.market.scored, c.forecasts, step, kCandles / 3), 0.9, 0.015) << step;
  for (std::size_t row = 0; row < c.market.scored.size(); ++row) {
    const auto q = c.forecasts.quantiles(row, 0);
    ASSERT_TRUE(std::is_sorted(q.begin(), q.end())) << row;
  }
}
INSTANTIATE_TEST_SUITE_P(Factors, WrongWidthTest, testing::Values(0.7, 1.5));

// A forecast that is wrong in one tenth of the market, right elsewhere: what all candles say together is
// within 2 points of the truth. Calm candles are corrected more slowly, for their errors cost less.
struct Tenth {
  double factor;
  bool wild;
  double before, after;  // how far from 0.9: at least, and at most
};

class ATenthTest : public testing::TestWithParam<Tenth> {};

TEST_P(ATenthTest, IsCorrectedOnItsOwn) {
  Case c(1.0, 4 * kCandles);
  const Outcomes& o = c.market.scored;
  std::vector<double> sigma = o.sigma;
  std::sort(sigma.begin(), sigma.end());
  const double border = sigma[(GetParam().wild ? 9 : 1) * sigma.size() / 10];
  const std::size_t per_row = c.forecasts.horizon * c.forecasts.levels.size();
  Outcomes tenth = o;
  for (std::size_t row = 0; row < o.size(); ++row) {
    if ((o.sigma[row] > border) != GetParam().wild) {
      std::fill_n(tenth.y.begin() + static_cast<std::ptrdiff_t>(row * o.horizon), o.horizon, std::nan(""));
    } else {
      for (double& z : std::span(c.forecasts.z).subspan(row * per_row, per_row))
        z *= GetParam().factor;
    }
  }
  EXPECT_GT(std::abs(coverage90(tenth, c.forecasts, 0, 0) - 0.9), GetParam().before);
  EXPECT_NEAR(coverage90(o, c.forecasts, 0, 0), 0.9, 0.02);
  AdaptiveConformal(c.forecasts.levels, c.forecasts.horizon, {}).run(o, c.forecasts);
  EXPECT_NEAR(coverage90(tenth, c.forecasts, 0, 4 * kCandles / 3), 0.9, GetParam().after);
}
INSTANTIATE_TEST_SUITE_P(TooWideOrNarrow, ATenthTest,
                         testing::Values(Tenth{1.5, true, 0.06, 0.04}, Tenth{0.7, false, 0.15, 0.075}));

// As a service learns it: no target is known when a candle is forecast, each is told when it closes.
TEST(AdaptiveConformalTest, ToldAsCandlesCloseItIsTheSame) {
  Case all(0.7), live(0.7);
  const std::size_t H = all.forecasts.horizon, L = all.forecasts.levels.size(), hole = kCandles / 2;
  Outcomes& known = all.market.scored;
  for (std::size_t row = 0; row < known.size(); ++row) {
    for (std::size_t h = 1; h <= H; ++h) {
      const bool there = row + h < known.size() && (row + h < hole || row >= hole);
      known.y[row * H + h - 1] = there ? std::log(known.close[row + h] / known.close[row]) : std::nan("");
    }
  }
  AdaptiveConformal(all.forecasts.levels, H, {}).run(known, all.forecasts);
  AdaptiveConformal conformal(live.forecasts.levels, H, {});
  for (std::size_t row = 0; row < known.size(); ++row) {
    if (row == hole) conformal.forget_unknown();
    conformal.observe(known.close_time[row], known.close[row]);
    Outcomes one = known;
    one.close_time = {known.close_time[row]};
    one.close = {known.close[row]};
    one.sigma = {known.sigma[row]};
    one.y.assign(H, std::nan(""));
    const auto first = static_cast<std::ptrdiff_t>(row * H * L);
    const auto z = live.forecasts.z.begin() + first;
    Forecasts forecast{
        "one", H, live.forecasts.levels, {z, z + static_cast<std::ptrdiff_t>(H * L)}, std::vector<double>(H),
        {},    0};
    conformal.run(one, forecast);
    std::copy(forecast.z.begin(), forecast.z.end(), z);
  }
  EXPECT_EQ(live.forecasts.z, all.forecasts.z);
}

TEST(AdaptiveConformalTest, CostsNextToNothingWhereNothingIsWrong) {
  Case c(1.0);
  const double before = mean_pinball(c.market.scored, c.forecasts);
  AdaptiveConformal(c.forecasts.levels, c.forecasts.horizon, {}).run(c.market.scored, c.forecasts);
  EXPECT_LT(mean_pinball(c.market.scored, c.forecasts), 1.002 * before);
}

TEST(AdaptiveConformalTest, AForecastKnowsNoOutcomeThatHasNotClosed) {
  Case honest(0.7), other(0.7);
  const std::size_t row = kCandles / 2, H = honest.forecasts.horizon, L = honest.forecasts.levels.size();
  for (std::size_t r = 0; r < kCandles; ++r) {
    for (std::size_t step = 0; step < H; ++step) {
      if (r + step + 1 > row) other.market.scored.y[r * H + step] = 1.0;  // closes after candle `row`
    }
  }
  for (Case* c : {&honest, &other})
    AdaptiveConformal(c->forecasts.levels, H, {}).run(c->market.scored, c->forecasts);
  const auto end = static_cast<std::ptrdiff_t>((row + 1) * H * L);
  EXPECT_TRUE(
      std::equal(honest.forecasts.z.begin(), honest.forecasts.z.begin() + end, other.forecasts.z.begin()));
  EXPECT_FALSE(honest.forecasts.z == other.forecasts.z);
}

TEST(AdaptiveConformalTest, RowsItHasSeenStayAsTheyAre) {
  Case c(0.7), again(0.7);
  AdaptiveConformal first(c.forecasts.levels, c.forecasts.horizon, {});
  first.run(c.market.scored, c.forecasts);
  EXPECT_EQ(first.state().until, c.market.scored.close_time.back());
  const auto z = again.forecasts.z;
  AdaptiveConformal(c.forecasts.levels, c.forecasts.horizon, first.state())
      .run(again.market.scored, again.forecasts);
  EXPECT_EQ(again.forecasts.z, z);
}

}  // namespace
}  // namespace mop::evaluate
