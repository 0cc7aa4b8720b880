#include "mop/features/window.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "mop/base/rng.h"
#include "mop/features/rolling_median.h"

namespace mop::features {
namespace {

TEST(WindowTest, VisitsOldestFirstWhereverTheRingWraps) {
  Window window(3);
  for (const double value : {1.0, 2.0, 3.0, 4.0})
    window.push(value);
  std::vector<double> seen;
  window.for_each([&](double value) { seen.push_back(value); });
  EXPECT_EQ(seen, (std::vector<double>{2.0, 3.0, 4.0}));
  EXPECT_EQ(window.oldest(), 2.0);
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
