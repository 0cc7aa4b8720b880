#include "mop/nn/sequence_batch.h"

#include <cmath>

#include <gtest/gtest.h>

#include "mop/base/rng.h"

namespace mop::nn {
namespace {

TEST(DropoutTest, FollowsTheDocumentedRule) {
  const Dropout dropout{0.4f, 0x1234567890ull, 0xabcdef0123ull};
  std::vector<float> factors(11);
  dropout_factors(dropout, {1, 2, 300, 40}, factors);
  for (std::uint32_t j = 0; j < 11; ++j) {
    const PhiloxBlock block =
        philox(0x1234567890ull, {j / 4 | 1u << 16 | 2u << 24, 300u | 40u << 16, 0xcdef0123u, 0xabu});
    const bool drop = block[j % 4] < static_cast<std::uint32_t>(static_cast<double>(0.4f) * 4294967296.0);
    EXPECT_EQ(factors[j], drop ? 0.0f : 1.0f / (1.0f - 0.4f)) << j;
  }
}

TEST(DropoutTest, DropsTheAskedShareAndKeepsTheMean) {
  std::vector<float> factors(100000);
  dropout_factors({0.3f, 1, 2}, {0, 0, 0, 0}, factors);
  double zeros = 0.0, sum = 0.0;
  for (const float f : factors) {
    zeros += f == 0.0f ? 1.0 : 0.0;
    sum += static_cast<double>(f);
  }
  EXPECT_NEAR(zeros / 1e5, 0.3, 4.0 * std::sqrt(0.21 / 1e5));  // four standard errors
  EXPECT_NEAR(sum / 1e5, 1.0, 0.01);
}

TEST(DropoutTest, EveryPartOfTheSiteMatters) {
  const auto draw = [](const Dropout& dropout, const DropoutSite& site) {
    std::vector<float> factors(64);
    dropout_factors(dropout, site, factors);
    return factors;
  };
  const Dropout dropout{0.5f, 1, 2};
  const auto base = draw(dropout, {0, 0, 0, 0});
  EXPECT_NE(base, draw(dropout, {1, 0, 0, 0}));
  EXPECT_NE(base, draw(dropout, {0, 1, 0, 0}));
  EXPECT_NE(base, draw(dropout, {0, 0, 1, 0}));
  EXPECT_NE(base, draw(dropout, {0, 0, 0, 1}));
  EXPECT_NE(base, draw({0.5f, 9, 2}, {0, 0, 0, 0}));
  EXPECT_NE(base, draw({0.5f, 1, 1ull << 40}, {0, 0, 0, 0}));
}

TEST(SequenceBatchDeathTest, ABatchThatDoesNotFitIsABug) {
  const NetShape shape{{{"lstm", 2}}, 3, 1, 1};
  const std::vector<float> x(4 * 3 * 2);
  const std::vector<std::int32_t> last{3, 3, 3}, outside{3, 4, 3};
  check_batch(shape, {3, 1, {{4, x, last}}});
  EXPECT_DEATH(check_batch(shape, {3, 1, {{4, x, outside}}}), "reads a step outside");
  EXPECT_DEATH(check_batch(shape, {3, 1, {{5, x, last}}}), "x has 24 values for 5 steps");
  EXPECT_DEATH(check_batch(shape, {3, 2, {{4, x, last}}}), "read_step has 3 entries");
  const std::vector<std::int32_t> rows(4 * 3, 1);
  check_batch(shape, {3, 1, {{4, x, last, rows, 2}}});
  EXPECT_DEATH(check_batch(shape, {3, 1, {{4, x, last, rows, 1}}}), "numbers a row outside");
  EXPECT_DEATH(check_batch(shape, {3, 1, {{4, x, last, last, 4}}}), "row_of has 3 entries");
}

}  // namespace
}  // namespace mop::nn
