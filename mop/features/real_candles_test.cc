// Real candles, where the reference data lies beside the checkout; skipped visibly where it does not.
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "mop/features/model_inputs.h"
#include "mop/features/sigma.h"
#include "mop/features/test_series.h"

namespace mop::features {
namespace {

using market::CandleSeries;
using market::Interval;

constexpr const char* kCandles = MOP_SOURCE_DIR "/../shared/candles/";

std::optional<CandleSeries> real_candles(const std::string& symbol, Interval interval) {
  const std::string name = symbol + "_" + std::string(to_string(interval)) + ".csv";
  const auto table = testing::read_csv(kCandles + name);
  if (!table) return std::nullopt;
  CandleSeries series{symbol, interval, {}, {}, {}, {}, {}, {}};
  for (const double open_time : table->column("open_time")) {
    series.open_time.push_back(static_cast<UnixMillis>(open_time));
  }
  series.open = table->column("open");
  series.high = table->column("high");
  series.low = table->column("low");
  series.close = table->column("close");
  series.volume = table->column("volume");
  return series;
}

// The coins with the highest and the lowest price, the crash of 2025-10-10 and the outage of 2023-03-24.
class RealCandlesTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RealCandlesTest, InputsAreFiniteAndOfOrderOne) {
  if (!std::filesystem::exists(kCandles)) GTEST_SKIP() << "no candles in ../shared/candles";
  for (const Interval interval : market::kIntervals) {
    const auto series = real_candles(GetParam(), interval);
    ASSERT_TRUE(series.has_value()) << GetParam() << " cannot be read";
    for (const market::Run& run : contiguous_runs(*series)) {
      const InputMatrix inputs = compute_model_inputs(series->slice(run.first, run.last)).value();
      const std::size_t width = inputs.names.size();
      for (std::size_t t = inputs.first_valid; t < inputs.rows; ++t) {
        ASSERT_GT(inputs.sigma[t], 10.0 * kMinSigma) << t;  // the floor never acts on a traded coin
        ASSERT_LT(inputs.sigma[t], 0.5) << t;
        for (std::size_t f = 0; f < width; ++f) {
          const float value = inputs.values[t * width + f];
          ASSERT_TRUE(std::isfinite(value) && std::abs(value) < 250.0f)
              << inputs.names[f] << " " << t << " " << value;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Coins, RealCandlesTest, ::testing::Values("BTCUSDT", "PEPEUSDT", "SUIUSDT"));

}  // namespace
}  // namespace mop::features
