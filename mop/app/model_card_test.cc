#include "mop/app/model_card.h"

#include <gtest/gtest.h>

#include "mop/evaluate/certificate.h"

namespace mop::app {
namespace {

train::TrainedModel model(const std::string& symbol, train::Kind kind) {
  train::TrainedModel m;
  m.symbol = symbol;
  m.kind = kind;
  m.profile.horizon = 7;
  m.trained_until = 20'000 * kDay - 1;
  m.networks.resize(2);
  for (train::TrainedNetwork& network : m.networks)
    network.params.resize(123);
  for (const market::Interval interval : train::intervals_of(kind)) {
    train::BranchModel& branch = m.branches.emplace_back();
    branch.interval = interval;
    branch.validation = {0, kDay, 700, 0.97, 1.0, 0.98};
  }
  for (const std::string_view name : evaluate::kCanaryNames)
    m.certificate.push_back({std::string(name), true, 0.0, "", 0.0});
  return m;
}

constexpr const char* kEvaluated =
    R"({"protocol":{"mode":"split","score_from":1751328000000,"score_until":1761955200000},
"pooled":{"1h":{"n":53136,"skill_vs_ewma_pct":2.275,"skill_vs_har_pct":1.32,"coverage":{"90":0.898},
"direction_accuracy":0.516,"mape_pct":0.3,"mape_persistence_pct":0.301}}})";

TEST(ModelCardTest, SaysWhatEachModelIsAndHowGoodInEachTimeframe) {
  std::vector<train::TrainedModel> models{model("BTCUSDT", train::Kind::k1h),
                                          model("ETHUSDT", train::Kind::kUnified)};
  models[1].branches[0].champion = "har";
  models[1].branches[1].validation.n = 0;
  models[0].certificate.pop_back();
  const std::string card = to_model_card("acme/mop", models, std::nullopt);
  EXPECT_TRUE(card.starts_with("---\nlicense: mit\n")) << card;
  EXPECT_EQ(card.find("model-index"), std::string::npos) << "validation scores are none";
  for (const char* line :
       {"| BTCUSDT_1h | 1h | 2024-10-03 23:59:59 | 2 x 123 | +3.00 % | +1.02 % | model | not certified: not "
        "run: "
        "noise_free_market |",
        "| ETHUSDT_unified | 15m | 2024-10-03 23:59:59 | 2 x 123 | +3.00 % | +1.02 % | har | passed |",
        "| ETHUSDT_unified | 1h | 2024-10-03 23:59:59 | 2 x 123 | not scored |  | model | passed |",
        "mop pull --repo acme/mop\n"})
    EXPECT_NE(card.find(line), std::string::npos) << line << "\n" << card;
}

TEST(ModelCardTest, ScoresOfUnseenCandlesGoIntoTheTableAndTheHubsIndex) {
  const auto scores = parse_test_scores(kEvaluated, "scores.json");
  ASSERT_TRUE(scores.has_value()) << scores.error().message;
  const std::vector<train::TrainedModel> models{model("BTCUSDT", train::Kind::k1h)};
  const std::string card = to_model_card("acme/mop", models, *scores);
  for (const char* line :
       {"model-index:\n- name: mop\n  results:\n  - task:\n      type: time-series-forecasting\n",
        "      name: Binance spot candles 1h, 2025-07-01 to 2025-11-01\n",
        "    - type: pinball_skill_vs_ewma\n      name: Pinball loss saved against EWMA volatility (%)\n     "
        " "
        "value: 2.2750\n",
        "    - type: coverage_90\n      name: Closes inside the 90 % interval (%)\n      value: 89.8000\n",
        "| 1h | 53136 | +2.27 % | +1.32 % | 89.8 % | 51.6 % | 0.3000 % | 0.3010 % |"})
    EXPECT_NE(card.find(line), std::string::npos) << line << "\n" << card;
}

TEST(ModelCardTest, WhatIsNoEvaluationOfASplitIsRefused) {
  std::string walk = kEvaluated, cut = kEvaluated, empty = kEvaluated, never = kEvaluated, huge = kEvaluated;
  walk.replace(walk.find("split"), 5, "folds");
  cut.replace(cut.find("mape_pct"), 8, "mope_pct");
  empty.replace(empty.find("\"1h\""), 4, "\"4h\"");
  never.replace(never.find("1751328000000"), 13, "1e300");
  huge.replace(huge.find("53136"), 5, "-1");
  for (const std::string& bad : {walk, cut, empty, never, huge, std::string("{}"), std::string("[1]")}) {
    const auto scores = parse_test_scores(bad, "scores.json");
    ASSERT_FALSE(scores.has_value()) << bad;
    EXPECT_EQ(scores.error().code, ErrorCode::kInvalidArgument) << scores.error().message;
    EXPECT_EQ(scores.error().message.find("scores.json"), 0u) << scores.error().message;
  }
}

}  // namespace
}  // namespace mop::app
