#include "mop/exchange/weight_budget.h"

#include <filesystem>

#include <gtest/gtest.h>

namespace mop::exchange {
namespace {

constexpr UnixMillis kStart = 1'751'328'000'000;

class SharedBudgetTest : public testing::Test {
 protected:
  void SetUp() override {
    path = testing::TempDir() + "mop_weight_" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove(path);
  }
  void TearDown() override { std::filesystem::remove(path); }
  std::string path;
  ManualClock clock{kStart};
};

TEST_F(SharedBudgetTest, TwoProcessesTogetherStayBelowOneShare) {
  WeightBudget one(clock, 0.5, path), other(clock, 0.5, path);
  for (auto* budget : {&one, &other})
    budget->set_limit(40);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(one.acquire(2).has_value());
    ASSERT_TRUE(other.acquire(2).has_value());
  }
  EXPECT_EQ(clock.slept(), 0) << "20 of 40 fit into one minute";
  ASSERT_TRUE(other.acquire(2).has_value());
  EXPECT_GE(clock.slept(), kMinute) << "the next one waits, though this process sent only 10";
}

TEST_F(SharedBudgetTest, A418And429HoldForTheOtherProcessToo) {
  WeightBudget one(clock, 0.8, path), other(clock, 0.8, path);
  one.wait_for(7 * kSecond);
  ASSERT_TRUE(other.acquire(1).has_value());
  EXPECT_EQ(clock.slept(), 7 * kSecond);
  (void)one.ban_for(2 * kMinute);
  const auto refused = other.acquire(1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kRateLimited);
  EXPECT_NE(refused.error().message.find("2025-07-01 00:02"), std::string::npos) << refused.error().message;
  clock.set(clock.now() + 2 * kMinute);
  EXPECT_TRUE(other.acquire(1).has_value());
}

TEST_F(SharedBudgetTest, AGarbledFileStartsAnew) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  {
    std::FILE* f = std::fopen(path.c_str(), "w");
    std::fputs("not numbers at all", f);
    std::fclose(f);
  }
  WeightBudget budget(clock, 0.8, path);
  EXPECT_TRUE(budget.acquire(2).has_value());
  EXPECT_EQ(clock.slept(), 0);
}

TEST_F(SharedBudgetTest, WhatOtherProgramsUseCountsToo) {
  WeightBudget budget(clock, 0.5, path);
  budget.set_limit(100);
  ASSERT_TRUE(budget.acquire(2).has_value());
  budget.replied(2, 49, clock.now());
  ASSERT_TRUE(budget.acquire(2).has_value());
  EXPECT_GE(clock.slept(), kMinute);
}

}  // namespace
}  // namespace mop::exchange
