#include "mop/features/window.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "mop/base/rng.h"
#include "mop/features/rolling_median.h"

namespace mop::features {
namespace {

TEST(WindowTest, RemembersTheOldestWhereverTheRingWraps) {
  Window window(3);
  for (const double value : {1.0, 2.0, 3.0}) {
    EXPECT_FALSE(window.full());
    window.push(value);
  }
  EXPECT_TRUE(window.full());
  EXPECT_EQ(window.oldest(), 1.0);
  window.push(4.0);
  EXPECT_EQ(window.oldest(), 2.0);
}

TEST(RollingFoldTest, ExtremesEqualThoseOfACopyOfTheWindow) {
  for (const std::size_t size : {1u, 2u, 5u, 14u, 100u}) {
    Rng rng(3, size);
    RollingMax highest(size);
    RollingMin lowest(size);
    std::vector<double> values;
    for (std::size_t i = 0; i < 2000; ++i) {
      values.push_back(rng.normal());
      highest.push(values.back());
      lowest.push(values.back());
      ASSERT_EQ(highest.full(), i + 1 >= size);
      if (!highest.full()) continue;
      const auto first = values.end() - static_cast<std::ptrdiff_t>(size);
      ASSERT_EQ(highest.value(), *std::max_element(first, values.end())) << size << " " << i;
      ASSERT_EQ(lowest.value(), *std::min_element(first, values.end())) << size << " " << i;
    }
  }
}

// Against two passes in extended precision: a high price level, a jump, a rest after it.
TEST(RollingMomentsTest, KeepTheirDigitsAtAnyLevel) {
  for (const std::size_t size : {2u, 20u, 100u}) {
    Rng rng(4, size);
    RollingMoments moments(size);
    std::vector<double> values;
    for (std::size_t i = 0; i < 5000; ++i) {
      const double level = i < 2000 ? 1e6 : 10.0;
      const double width = i % 1000 < 500 ? 1e-3 : 1.0;
      values.push_back(level + width * rng.normal());
      moments.push(values.back());
      if (!moments.full()) continue;
      long double sum = 0.0L, squares = 0.0L;
      const std::size_t first = values.size() - size;
      for (std::size_t k = first; k < values.size(); ++k)
        sum += values[k];
      const long double mean = sum / static_cast<long double>(size);
      for (std::size_t k = first; k < values.size(); ++k)
        squares += (values[k] - mean) * (values[k] - mean);
      const auto variance = static_cast<double>(squares / static_cast<long double>(size));
      ASSERT_NEAR(moments.variance(), variance, 1e-13 * static_cast<double>(size) * variance)
          << size << " " << i;
      ASSERT_NEAR(values.back() + moments.mean_from_last(), static_cast<double>(mean),
                  1e-15 * static_cast<double>(size) * 1e6)
          << size << " " << i;
    }
  }
}

TEST(RollingMomentsTest, EqualValuesHaveNoVariance) {
  RollingMoments moments(20);
  moments.push(3.0);
  for (int i = 0; i < 50; ++i) {
    moments.push(0.1);
    if (i < 19) continue;
    ASSERT_EQ(moments.variance(), 0.0) << i;
  }
  EXPECT_EQ(moments.mean_from_last(), 0.0);
}

// A plain running sum would keep the rounding errors of the large values for ever.
TEST(RollingSumTest, ForgetsLargeValuesCompletely) {
  Rng rng(1, 0);
  RollingSum sum(20);
  std::vector<double> values;
  for (int i = 0; i < 200'000; ++i) {
    values.push_back((i / 1000 % 2 == 0 ? 1e12 : 1e-3) * rng.uniform());
    sum.push(values.back());
    if (i % 997 != 0 || i < 20) continue;
    long double exact = 0.0L;
    for (std::size_t k = values.size() - 20; k < values.size(); ++k)
      exact += values[k];
    ASSERT_NEAR(sum.sum(), static_cast<double>(exact), 1e-14 * static_cast<double>(exact)) << i;
  }
}

TEST(RollingMedianTest, EqualsASortedCopyOfTheWindow) {
  for (const std::size_t size : {1u, 2u, 5u, 24u, 96u}) {
    Rng rng(2, size);
    RollingMedian median(size);
    std::vector<double> values;
    for (int i = 0; i < 2000; ++i) {
      values.push_back(static_cast<double>(rng.below(50)));  // many equal values
      median.push(values.back());
      const std::size_t n = std::min(size, values.size());
      std::vector<double> sorted(values.end() - static_cast<std::ptrdiff_t>(n), values.end());
      std::sort(sorted.begin(), sorted.end());
      const double expected = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
      ASSERT_EQ(median.median(), expected) << "size " << size << ", value " << i;
      ASSERT_EQ(median.max(), sorted.back());
    }
  }
}

TEST(RollingMedianTest, IsFullAfterItsSize) {
  RollingMedian median(2);
  median.push(1.0);
  EXPECT_FALSE(median.full());
  median.push(1.0);
  EXPECT_TRUE(median.full());
}

}  // namespace
}  // namespace mop::features
