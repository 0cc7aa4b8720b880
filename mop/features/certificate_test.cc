#include "mop/features/certificate.h"

#include <cmath>

#include <gtest/gtest.h>

#include "mop/features/model_inputs.h"

namespace mop::features {
namespace {

using market::Interval;

// The claim behind "start-invariant": what a model reads does not depend on where the history was cut.
TEST(CertificateTest, EveryInputForgetsWhereItsHistoryBegan) {
  for (const Interval interval : market::kIntervals) {
    const market::CandleSeries run = certificate_market(interval);
    const MarketContext market(std::vector{run});
    const auto rows = certify_inputs(run, kCertificateLengths, 8, &market);
    ASSERT_EQ(rows.size(), model_inputs(interval).size());
    for (const CertificateRow& row : rows) {
      for (std::size_t i = 0; i < kCertificateLengths.size(); ++i) {
        if (std::isnan(row.error[i])) continue;
        if (row.stability == Stability::kExact) {
          EXPECT_EQ(row.error[i], 0.0) << row.name;
        }
      }
      EXPECT_LT(row.error.back(), 1e-5) << row.name;
    }
  }
}

// min_candles in the registry is what the certificate measures: 1e-5 in units of an input.
TEST(CertificateTest, TheMinimumOfCandlesIsEnough) {
  const market::CandleSeries run = certificate_market(Interval::k1h);
  for (const IndicatorInfo& info : model_inputs(Interval::k1h)) {
    if (info.input == InputSource::kMarket) continue;
    const std::vector<std::size_t> lengths{info.min_candles()};
    for (const CertificateRow& row : certify_inputs(run, lengths, 2)) {
      if (row.name == info.name) {
        EXPECT_LT(row.error[0], 1e-5) << row.name << " " << lengths[0];
      }
    }
  }
}

TEST(CertificateTest, AHistoryShorterThanTheWarmUpHasNoError) {
  const market::CandleSeries run = certificate_market(Interval::k1h);
  for (const CertificateRow& row : certify_inputs(run, kCertificateLengths, 1)) {
    if (row.name == "sma_200") {
      EXPECT_TRUE(std::isnan(row.error[1]) && !std::isnan(row.error[2]));
    }
    if (row.name == "hour_sin") {
      EXPECT_EQ(row.error[0], 0.0);
    }
  }
}

}  // namespace
}  // namespace mop::features
