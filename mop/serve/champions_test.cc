#include "mop/serve/champions.h"

#include <cmath>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "mop/evaluate/quantiles.h"
#include "mop/serve/ledger_scores.h"
#include "mop/serve/test_models.h"

namespace mop::serve {
namespace {

constexpr std::size_t kTrained = 3200, kCandles = 9200;

// A model whose baselines were fitted in a market of half the volatility that sigma tells.
ModelFile of_a_calmer_market(const CandleSeries& candles) {
  ModelFile file{train::train_small(train::Kind::k15m), std::string(64, 'a')};
  const CandleSeries known[] = {candles.slice(0, kTrained)};
  MOP_CHECK(evaluate::score_validation(file.model, known, nullptr, 0.01).has_value());
  train::Baselines& baselines = file.model.branches[0].baselines;
  for (std::vector<double>* quantiles : {&baselines.ewma_z, &baselines.har_residual}) {
    for (double& q : *quantiles)
      q *= 0.5;
  }
  return file;
}

// How often the next close lay inside the 90 % interval.
class Coverage {
 public:
  explicit Coverage(std::span<const double> levels)
      : low_(evaluate::level_index(levels, 0.05).value()),
        high_(evaluate::level_index(levels, 0.95).value()) {}

  void add(std::span<const double> quantiles, double z) {
    inside_ += quantiles[low_] <= z && z <= quantiles[high_] ? 1.0 : 0.0;
    n_ += 1.0;
  }
  double share() const { return inside_ / n_; }

 private:
  std::size_t low_, high_;
  double inside_ = 0.0, n_ = 0.0;
};

class BaselineChampionTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Names, BaselineChampionTest, testing::Values("ewma", "har"));

TEST_P(BaselineChampionTest, ComesToCoverWhatItStatesAndIsMeasuredAgainstTheBaselinesAsFitted) {
  const CandleSeries candles = train::swinging(Interval::k15m, kCandles, 11);
  ModelHost host(1);
  ASSERT_TRUE(host.add(of_a_calmer_market(candles)).has_value());
  const Champion champion{GetParam(), 0, 0, "for a test", false};
  const ModelRow model = model_row(host, 0, 0);
  const std::size_t median = evaluate::level_index(model.levels, 0.5).value();
  Coverage shown(model.levels), fitted(model.levels);
  std::size_t t = 0;
  for (const auto& [close_time, closed] : instants({candles})) {
    host.advance(close_time, closed);
    const auto made = host.forecast();
    if (++t <= (kTrained + kCandles) / 2 || t == kCandles) continue;
    ASSERT_EQ(made.size(), 1u);
    const ForecastRow row = forecast_row(host, champion, made[0], made[0].as_of);
    const BaselineQuantiles all = baseline_quantiles(row, model, 1);
    const std::vector<double>& raw = champion.name == "har" ? all.har : all.ewma;
    const double z = std::log(candles.close[t] / row.close) / row.sigma;
    shown.add(row.z, z);
    fitted.add(raw, z);
    ASSERT_EQ(row.z[median], raw[median]);
    ASSERT_EQ(row.p_up[0],
              evaluate::p_up_from_quantiles(row.levels, std::span(row.z).first(row.levels.size())));
  }
  EXPECT_NEAR(shown.share(), 0.9, 0.015);
  EXPECT_LT(fitted.share(), 0.75);
}

}  // namespace
}  // namespace mop::serve
