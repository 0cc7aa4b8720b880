#include "mop/features/raw_features.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "mop/features/test_series.h"

namespace mop::features {
namespace {

using market::CandleSeries;
using market::Interval;
using testing::same_bits;

// The columns and their order are the contract of `mop features --raw`.
TEST(RawFeaturesTest, AreThe44ColumnsInOrder) {
  std::string names;
  for (const IndicatorInfo& info : raw_features())
    names += std::string(info.name) + " ";
  EXPECT_EQ(
      names,
      "open high low close volume sma_10 sma_20 sma_50 sma_100 sma_200 ema_10 ema_20 ema_50 ema_100 ema_200 "
      "rsi_14 rsi_21 macd macd_signal macd_histogram stochastic_k stochastic_d roc_12 momentum bb_upper "
      "bb_middle bb_lower bb_width bb_percent_b atr_14 natr adx di_plus di_minus kc_upper kc_middle kc_lower "
      "obv cmf mfi vpt price_change volume_change hl2 ");
  EXPECT_EQ(raw_features().size(), 44u);
}

// Values of TA-Lib C 0.6.0 at the last candle of C = 95 + (37 i mod 11), H = C + 1, L = C - 1.5, 60 candles.
TEST(RawFeaturesTest, MatchTaLibOnItsSixtyCandles) {
  CandleSeries series;
  for (int i = 0; i < 60; ++i) {
    const double close = 95.0 + (37 * i) % 11;
    testing::append(series, close, close + 1.0, close - 1.5, close, 1.0);
  }
  const FeatureMatrix raw = compute_raw_features(series);
  const auto last = [&](std::string_view name) { return raw.column(name)[59]; };
  EXPECT_NEAR(last("rsi_14"), 50.2867974411, 1e-10);
  EXPECT_NEAR(last("ema_10"), 99.5001592127, 1e-10);
  EXPECT_NEAR(last("atr_14"), 6.2634504958, 1e-10);
  EXPECT_NEAR(last("natr"), 6.2634504958, 1e-10);
  EXPECT_NEAR(last("adx"), 4.0364449958, 1e-10);
  EXPECT_NEAR(last("macd"), -0.2116551381, 1e-10);
  EXPECT_NEAR(last("macd_signal"), -0.0782233123, 1e-10);
  EXPECT_NEAR(last("stochastic_k"), 49.333, 1e-3);
  EXPECT_NEAR(last("stochastic_d"), 46.667, 1e-3);
}

// Oracle: tests/oracles/talib_testdata.sh, TA-Lib's C code on the candles of the pandas oracle: prices near
// 1000, a quiet spell, a crash of 25 %, candles without range and without volume. First values must coincide.
TEST(RawFeaturesTest, MatchTaLibOverTheWholeRange) {
  const auto table = testing::read_csv(MOP_SOURCE_DIR "/mop/features/testdata/talib.csv");
  ASSERT_TRUE(table);
  CandleSeries series;
  for (std::size_t t = 0; t < table->column("open").size(); ++t) {
    testing::append(series, table->column("open")[t], table->column("high")[t], table->column("low")[t],
                    table->column("close")[t], table->column("volume")[t]);
  }
  const FeatureMatrix raw = compute_raw_features(series);
  for (const IndicatorInfo& info : raw_features()) {
    const auto& expected = table->column(std::string(info.name));
    const auto actual = raw.column(info.name);
    // TA-Lib takes the variance as mean(C^2) - mean(C)^2, which on a quiet spell loses all digits of the
    // width and leaves the bands within the rounding of C^2: the square root of 1e-16 of a price.
    const bool bands = info.name.starts_with("bb_") && info.name != "bb_middle";
    for (std::size_t t = 0; t < raw.rows; ++t) {
      ASSERT_EQ(std::isnan(actual[t]), std::isnan(expected[t])) << info.name << " " << t;
      if (std::isnan(expected[t])) continue;
      const double width = raw.column("bb_width")[t];
      if (bands && !(width > 1e-2 * series.close[t])) continue;
      // %B passes through zero: against the full width of the band, as percentages against one percent.
      const double least = info.unit == "percent" || bands ? 1.0 : 1e-2;
      const double tolerance = 1e-9 * std::max(std::abs(expected[t]), least);
      ASSERT_NEAR(actual[t], expected[t], tolerance) << info.name << " " << t;
    }
  }
}

// Where the definition differs: a coin priced at 1e-5 moves by 1 % and TA-Lib's bands have no width.
TEST(RawFeaturesTest, DifferFromTaLibWhereItTakesASmallVarianceForNone) {
  CandleSeries series;
  for (int i = 0; i < 40; ++i) {
    const double close = i % 2 == 0 ? 1.00e-5 : 1.01e-5;
    testing::append(series, close, close, close, close, 1.0);
  }
  const FeatureMatrix raw = compute_raw_features(series);
  // The variance is 2.5e-15; TA-Lib calls what is below 1e-14 zero and puts both bands on the middle.
  EXPECT_NEAR(raw.column("bb_upper")[39] / raw.column("bb_middle")[39] - 1.0, 0.00995, 1e-5);
}

// Oracle: tests/oracles/indicators_pandas.py, written with pandas and made into this file by its first lines.
TEST(RawFeaturesTest, MatchPandas) {
  const auto table = testing::read_csv(MOP_SOURCE_DIR "/mop/features/testdata/indicators_pandas.csv");
  ASSERT_TRUE(table);
  CandleSeries series;
  const auto& open = table->column("open");
  for (std::size_t t = 0; t < open.size(); ++t) {
    testing::append(series, open[t], table->column("high")[t], table->column("low")[t],
                    table->column("close")[t], table->column("volume")[t]);
  }
  const FeatureMatrix raw = compute_raw_features(series);
  ASSERT_EQ(raw.rows, 420u);
  for (const IndicatorInfo& info : raw_features()) {
    const auto& expected = table->column(std::string(info.name));
    const auto actual = raw.column(info.name);
    for (std::size_t t = 0; t < raw.rows; ++t) {
      ASSERT_EQ(std::isnan(actual[t]), std::isnan(expected[t])) << info.name << " " << t;
      if (std::isnan(expected[t])) continue;
      // Differences of nearly equal prices have the rounding of a price near 1000, not of themselves.
      const double tolerance = 1e-9 * std::abs(expected[t]) + 1e-11;
      ASSERT_NEAR(actual[t], expected[t], tolerance) << info.name << " " << t;
    }
  }
}

TEST(RawFeaturesTest, WarmUpIsExactlyAsStated) {
  const FeatureMatrix raw = compute_raw_features(testing::tick_market(1, 300, Interval::k1h));
  for (const IndicatorInfo& info : raw_features()) {
    const auto column = raw.column(info.name);
    for (std::size_t t = 0; t < raw.rows; ++t) {
      ASSERT_EQ(std::isfinite(column[t]), t + 1 >= info.warmup) << info.name << " " << t;
      ASSERT_EQ(std::isnan(column[t]), t + 1 < info.warmup) << info.name << " " << t;
    }
  }
}

TEST(RawFeaturesTest, AreFiniteAfterWarmUpOnHostileMarkets) {
  for (const auto& [name, series] : testing::hostile_markets(Interval::k15m)) {
    const FeatureMatrix raw = compute_raw_features(series);
    for (const IndicatorInfo& info : raw_features()) {
      for (std::size_t t = info.warmup - 1; t < raw.rows; ++t) {
        ASSERT_TRUE(std::isfinite(raw.column(info.name)[t])) << name << ": " << info.name << " " << t;
      }
    }
  }
}

// Cutting the future off, or replacing it, changes nothing before.
TEST(RawFeaturesTest, FutureCandlesNeverChangePastValues) {
  const CandleSeries series = testing::tick_market(2, 500, Interval::k1h);
  const FeatureMatrix full = compute_raw_features(series);
  for (const std::size_t n : {1u, 14u, 15u, 27u, 28u, 34u, 133u, 200u, 201u, 499u}) {
    CandleSeries changed = series;
    for (std::size_t t = n; t < series.size(); ++t) {
      for (auto* column : {&changed.open, &changed.high, &changed.low, &changed.close})
        (*column)[t] *= 3.0;
      changed.volume[t] = 1e9;
    }
    const FeatureMatrix cut = compute_raw_features(series.slice(0, n));
    const FeatureMatrix other = compute_raw_features(changed);
    for (std::size_t f = 0; f < full.names.size(); ++f) {
      for (std::size_t t = 0; t < n; ++t) {
        ASSERT_TRUE(same_bits(cut.column(f)[t], full.column(f)[t]))
            << full.names[f] << " n=" << n << " t=" << t;
        ASSERT_TRUE(same_bits(other.column(f)[t], full.column(f)[t]))
            << full.names[f] << " n=" << n << " t=" << t;
      }
    }
  }
}

TEST(RawFeaturesTest, DependOnTheStartAsTheirStabilitySays) {
  const CandleSeries series = testing::tick_market(3, 3500, Interval::k1h);
  const std::size_t skipped = 137, settled = 3000;
  const FeatureMatrix early = compute_raw_features(series);
  const FeatureMatrix late = compute_raw_features(series.slice(skipped, series.size()));
  for (const IndicatorInfo& info : raw_features()) {
    const bool converging = info.stability == Stability::kConverging;
    if (info.stability == Stability::kPathDependent) continue;
    for (std::size_t t = converging ? settled : info.warmup - 1; t < late.rows; ++t) {
      const double a = early.column(info.name)[t + skipped], b = late.column(info.name)[t];
      if (info.stability == Stability::kExact) {
        ASSERT_TRUE(same_bits(a, b)) << info.name << " " << t << ": " << a << " " << b;
      } else {
        ASSERT_NEAR(a, b, 1e-8 * std::max(1.0, std::abs(a))) << info.name << " " << t;
      }
    }
  }
}

// Prices times 1000: columns in quote currency scale with them, the others do not notice. A power of two, so
// that rounding cannot decide a tie between equal moves (TA-Lib compares exactly, and these are its values).
TEST(RawFeaturesTest, ScaleWithTheUnitOfPriceAndVolume) {
  const CandleSeries series = testing::tick_market(4, 400, Interval::k15m);
  const FeatureMatrix one = compute_raw_features(series);
  const FeatureMatrix dear = compute_raw_features(testing::scaled(series, 1024.0, 1.0));
  const FeatureMatrix busy = compute_raw_features(testing::scaled(series, 1.0, 1024.0));
  for (const IndicatorInfo& info : raw_features()) {
    const double price_factor = info.unit == "quote currency" ? 1024.0 : 1.0;
    const double volume_factor = info.unit == "base currency" ? 1024.0 : 1.0;
    for (std::size_t t = info.warmup - 1; t < one.rows; ++t) {
      const double value = one.column(info.name)[t];
      ASSERT_EQ(dear.column(info.name)[t], price_factor * value) << info.name << " " << t;
      ASSERT_EQ(busy.column(info.name)[t], volume_factor * value) << info.name << " " << t;
    }
  }
}

TEST(RawFeaturesTest, AnEmptyRunHasNoRows) {
  EXPECT_EQ(compute_raw_features(CandleSeries{}).rows, 0u);
}

TEST(RawFeaturesDeathTest, AHoleIsABug) {
  CandleSeries series = testing::tick_market(5, 50, Interval::k1h);
  series.open_time.back() += market::length_of(Interval::k1h);
  EXPECT_DEATH(compute_raw_features(series), "run without holes");
}

}  // namespace
}  // namespace mop::features
