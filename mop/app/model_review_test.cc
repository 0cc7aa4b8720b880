#include "mop/app/model_review.h"

#include <gtest/gtest.h>

#include "mop/evaluate/certificate.h"

namespace mop::app {
namespace {

using train::TrainedModel;

TrainedModel model(double loss, const std::string& champion = "model") {
  TrainedModel m;
  m.symbol = "BTCUSDT";
  m.kind = train::Kind::k1h;
  m.trained_until = 2 * kDay - 1;
  train::BranchModel branch;
  branch.validation = {0, kDay, 700, loss, 1.0, 0.99};
  branch.champion = champion;
  m.branches.push_back(branch);
  for (const std::string_view name : evaluate::kCanaryNames)
    m.certificate.push_back({std::string(name), true, 0.0, "", 0.0});
  return m;
}

TrainedModel older(double loss) {
  TrainedModel m = model(loss);
  m.trained_until = kDay - 1;
  return m;
}

std::string why(const TrainedModel& fresh, const TrainedModel* old = nullptr, bool old_counts = true) {
  return objection({fresh, "BTCUSDT_1h", old, [&](market::Interval) { return old_counts; }}).value_or("");
}

TEST(ModelReviewTest, AModelBetterThanEwmaAndNotClearlyWorseThanTheOldOneMayForecast) {
  EXPECT_EQ(why(model(0.98)), "");
  const TrainedModel good = older(0.975), far_better = older(0.965);
  EXPECT_EQ(why(model(0.98), &good), "");
  EXPECT_EQ(why(model(0.98), &far_better),
            "1h has a skill of +2.00 % against EWMA, the model it would replace +3.50 %");
  EXPECT_EQ(why(model(0.98), &far_better, false), "") << "it expired, or was demoted";
}

TEST(ModelReviewTest, WhatForecastsIsJudgedAndNotTheNetworkBehindIt) {
  EXPECT_EQ(why(model(1.02)), "1h was 2.00 % worse than EWMA on its validation block");
  EXPECT_EQ(why(model(1.02, "har")), "");
  EXPECT_EQ(why(model(1.02, "ewma")), "");
  const TrainedModel old = older(0.97);
  EXPECT_NE(why(model(1.02, "har"), &old), "");
}

TEST(ModelReviewTest, NothingUnprovedIsTaken) {
  TrainedModel uncertified = model(0.9);
  uncertified.certificate[4].passed = false;
  EXPECT_EQ(why(uncertified), "not certified: failed random_walks");
  TrainedModel unscored = model(0.9);
  unscored.branches[0].validation = {};
  EXPECT_EQ(why(unscored), "1h was not scored on its validation block");
  TrainedModel other = model(0.9);
  other.symbol = "ETHUSDT";
  EXPECT_EQ(why(other), "it is a model of ETHUSDT_1h");
  const TrainedModel same = model(0.9);
  EXPECT_EQ(why(model(0.9), &same),
            "it learnt until 1970-01-03 00:00, no longer than the model it would replace");
}

}  // namespace
}  // namespace mop::app
