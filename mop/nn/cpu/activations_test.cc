// Runs on every instruction set of this machine.
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "hwy/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mop/nn/cpu/activations_test.cc"
#include "hwy/foreach_target.h"  // compiles the part below once per instruction set

#include "hwy/highway.h"
#include "mop/nn/cpu/activations-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mop::nn::cpu::HWY_NAMESPACE {
namespace {

float sigmoid_of(float x) {
  const hn::CappedTag<float, 16> d;
  return hn::GetLane(hn::Div(hn::Set(d, 1.0f), sigmoid_divisor(d, hn::Set(d, x))));
}

float tanh_of(float x) {
  const hn::CappedTag<float, 16> d;
  const auto dividend = tanh_dividend(d, hn::Set(d, x));
  return hn::GetLane(hn::Div(dividend, hn::Add(hn::Set(d, 2.0f), dividend)));
}

bool multiplies_and_adds_in_one() {
  return HWY_NATIVE_FMA != 0;
}

}  // namespace
}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mop::nn::cpu {
namespace {

HWY_EXPORT(sigmoid_of);
HWY_EXPORT(tanh_of);
HWY_EXPORT(multiplies_and_adds_in_one);

void for_each_target(const std::function<void()>& test) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    test();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// Largest error relative to the value over -range..range, dense near zero and wide.
double largest_error(float range, const std::function<float(float)>& actual,
                     const std::function<double(double)>& expected) {
  double worst = 0.0;
  const auto check = [&](float x) {
    const double truth = expected(static_cast<double>(x));
    if (truth != 0.0)
      worst = std::max(worst, std::abs(static_cast<double>(actual(x)) - truth) / std::abs(truth));
  };
  for (int i = -20000; i <= 20000; ++i)
    check(range * static_cast<float>(i) / 20000.0f);
  for (float x = 1e-12f; x < range; x *= 1.01f) {
    check(x);
    check(-x);
  }
  return worst;
}

TEST(ActivationsTest, ErrorsAreAsStated) {
  for_each_target([] {
    const auto sigmoid_error = [](float range) {
      return largest_error(
          range, [](float x) { return HWY_DYNAMIC_DISPATCH(sigmoid_of)(x); },
          [](double x) { return 1.0 / (1.0 + std::exp(-x)); });
    };
    const bool fused = HWY_DYNAMIC_DISPATCH(multiplies_and_adds_in_one)();
    EXPECT_LE(sigmoid_error(10.0f), fused ? 3e-7 : 6e-7);
    EXPECT_LE(sigmoid_error(28.0f), fused ? 6e-7 : 2e-6);
    EXPECT_LE(largest_error(
                  14.0f, [](float x) { return HWY_DYNAMIC_DISPATCH(tanh_of)(x); },
                  [](double x) { return std::tanh(x); }),
              fused ? 3e-7 : 6e-7);
  });
}

TEST(ActivationsTest, FarValuesSaturateAndNaNStays) {
  for_each_target([] {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(HWY_DYNAMIC_DISPATCH(tanh_of)(kInf), 1.0f);
    EXPECT_EQ(HWY_DYNAMIC_DISPATCH(tanh_of)(-kInf), -1.0f);
    EXPECT_EQ(HWY_DYNAMIC_DISPATCH(tanh_of)(0.0f), 0.0f);
    EXPECT_EQ(HWY_DYNAMIC_DISPATCH(sigmoid_of)(kInf), 1.0f);
    EXPECT_LE(HWY_DYNAMIC_DISPATCH(sigmoid_of)(-kInf), 1e-12f);
    EXPECT_EQ(HWY_DYNAMIC_DISPATCH(sigmoid_of)(0.0f), 0.5f);
    EXPECT_TRUE(std::isnan(HWY_DYNAMIC_DISPATCH(tanh_of)(kNaN)));
    EXPECT_TRUE(std::isnan(HWY_DYNAMIC_DISPATCH(sigmoid_of)(kNaN)));
  });
}

}  // namespace
}  // namespace mop::nn::cpu
#endif
