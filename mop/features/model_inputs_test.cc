#include "mop/features/model_inputs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "mop/features/sigma.h"
#include "mop/features/test_series.h"

namespace mop::features {
namespace {

using market::CandleSeries;
using market::Interval;
using testing::same_bits;

// With a market context and taker volumes made of the series itself, so that no input is left out.
CandleSeries with_taker(CandleSeries series) {
  series.taker_buy_base.clear();
  for (std::size_t t = 0; t < series.size(); ++t) {
    const auto candle = series.open_time[t] / market::length_of(series.interval);  // the same in a slice
    const double share = 0.5 + 0.4 * std::sin(static_cast<double>(candle));
    series.taker_buy_base.push_back(candle % 11 == 3 ? std::nan("") : share * series.volume[t]);
  }
  return series;
}

// BTC, and another coin that begins later and has a hole.
MarketContext market_of(Interval interval) {
  CandleSeries btc = testing::tick_market(21, 4000, interval),
               other = testing::tick_market(22, 4000, interval);
  btc.symbol = "BTCUSDT";
  other.open_time.erase(other.open_time.begin() + 1000, other.open_time.begin() + 1010);
  for (auto* column : {&other.open, &other.high, &other.low, &other.close, &other.volume})
    column->erase(column->begin() + 1000, column->begin() + 1010);
  const std::vector<CandleSeries> coins{btc, other.slice(50, other.size())};
  return MarketContext(coins);
}

FeatureMatrix columns(const CandleSeries& series) {
  const MarketContext market = market_of(series.interval);
  return compute_model_input_columns(with_taker(series), {}, &market).value();
}

TEST(ModelInputsTest, AreTheRawColumnsAndThenTheContext) {
  for (const Interval interval : market::kIntervals) {
    const auto infos = model_inputs(interval);
    ASSERT_EQ(infos.size(), 72u);
    for (std::size_t f = 0; f < 44; ++f)
      EXPECT_EQ(infos[f].name, raw_features()[f].name);
    const std::array<std::string_view, 11> context{"log_sigma", "har_1",       "har_4",      "har_24",
                                                   "har_96",    "har_5d",      "log_range",  "hour_sin",
                                                   "hour_cos",  "weekday_sin", "weekday_cos"};
    for (std::size_t i = 0; i < context.size(); ++i)
      EXPECT_EQ(infos[44 + i].name, context[i]);
    for (const IndicatorInfo& info : infos)
      EXPECT_NE(info.stability, Stability::kPathDependent) << info.name;
  }
}

TEST(ModelInputsTest, WarmUpIsExactlyAsStated) {
  for (const Interval interval : market::kIntervals) {
    const FeatureMatrix inputs = columns(testing::tick_market(1, 600, interval));
    for (const IndicatorInfo& info : model_inputs(interval)) {
      const auto column = inputs.column(info.name);
      for (std::size_t t = 0; t < inputs.rows; ++t) {
        ASSERT_EQ(std::isfinite(column[t]), t + 1 >= info.warmup) << info.name << " " << t;
        ASSERT_EQ(std::isnan(column[t]), t + 1 < info.warmup) << info.name << " " << t;
      }
    }
  }
}

TEST(ModelInputsTest, AreFiniteAfterWarmUpOnHostileMarkets) {
  for (const Interval interval : market::kIntervals) {
    const MarketContext market = market_of(interval);
    for (const auto& [name, series] : testing::hostile_markets(interval)) {
      const InputMatrix inputs = compute_model_inputs(with_taker(series), {}, &market).value();
      const std::size_t width = inputs.names.size();
      ASSERT_LT(inputs.first_valid, inputs.rows);
      for (std::size_t t = inputs.first_valid; t < inputs.rows; ++t) {
        ASSERT_GE(inputs.sigma[t], kMinSigma) << name << " " << t;
        for (std::size_t f = 0; f < width; ++f) {
          ASSERT_TRUE(std::isfinite(inputs.values[t * width + f]))
              << name << ": " << inputs.names[f] << " " << t;
        }
      }
    }
  }
}

void expect_equal_inputs(const CandleSeries& a, const CandleSeries& b, const std::string& what) {
  const FeatureMatrix one = columns(a), other = columns(b);
  for (const IndicatorInfo& info : model_inputs(a.interval)) {
    for (std::size_t t = info.warmup - 1; t < one.rows; ++t) {
      const double x = one.column(info.name)[t], y = other.column(info.name)[t];
      ASSERT_NEAR(x, y, 1e-9 * std::max(1.0, std::abs(x))) << what << ": " << info.name << " " << t;
    }
  }
}

// The tick market is full of ties that rounding decides differently after scaling.
TEST(ModelInputsTest, UnitsOfPriceAndVolumeDoNotMatter) {
  for (const Interval interval : market::kIntervals) {
    const CandleSeries series = testing::tick_market(2, 1500, interval);
    expect_equal_inputs(series, testing::scaled(series, 1000.0, 1.0), "prices times 1000");
    expect_equal_inputs(series, testing::scaled(series, 1e-7, 1.0), "prices over ten million");
    expect_equal_inputs(series, testing::scaled(series, 1.0, 1000.0), "volumes times 1000");
    expect_equal_inputs(series, testing::scaled(series, 1.0, 1e-3), "volumes over 1000");
    for (const auto& [name, hostile] : testing::hostile_markets(interval)) {
      expect_equal_inputs(hostile, testing::scaled(hostile, 1000.0, 1000.0), name);
    }
  }
}

TEST(ModelInputsTest, FutureCandlesNeverChangePastValues) {
  CandleSeries series = with_taker(testing::tick_market(3, 700, Interval::k15m));
  series.symbol = "BTCUSDT";
  const MarketContext market(std::vector{series});
  const InputMatrix full = compute_model_inputs(series, {}, &market).value();
  const std::size_t width = full.names.size();
  for (const std::size_t n : {1u, 28u, 96u, 97u, 98u, 200u, 480u, 481u, 482u, 699u}) {
    CandleSeries changed = series;
    for (std::size_t t = n; t < series.size(); ++t) {
      for (auto* column : {&changed.open, &changed.high, &changed.low, &changed.close})
        (*column)[t] *= 3.0;
      changed.volume[t] = 1e9;
      changed.taker_buy_base[t] = 0.0;
    }
    const MarketContext cut_market(std::vector{series.slice(0, n)}), other_market(std::vector{changed});
    const InputMatrix cut = compute_model_inputs(series.slice(0, n), {}, &cut_market).value();
    const InputMatrix other = compute_model_inputs(changed, {}, &other_market).value();
    for (std::size_t i = 0; i < n * width; ++i) {
      ASSERT_TRUE(same_bits(cut.values[i], full.values[i])) << full.names[i % width] << " n=" << n;
      ASSERT_TRUE(same_bits(other.values[i], full.values[i])) << full.names[i % width] << " n=" << n;
    }
    for (std::size_t t = 0; t < n; ++t)
      ASSERT_TRUE(same_bits(cut.sigma[t], full.sigma[t])) << n << " " << t;
  }
}

TEST(ModelInputsTest, DependOnTheStartAsTheirStabilitySays) {
  const CandleSeries series = testing::tick_market(4, 3500, Interval::k15m);
  const std::size_t skipped = 96 * 7 + 5, settled = 2500;
  const FeatureMatrix early = columns(series);
  const FeatureMatrix late = columns(series.slice(skipped, series.size()));
  for (const IndicatorInfo& info : model_inputs(Interval::k15m)) {
    const bool exact = info.stability == Stability::kExact;
    const bool converging = info.stability == Stability::kConverging;
    for (std::size_t t = converging ? settled : info.warmup - 1; t < late.rows; ++t) {
      const double a = early.column(info.name)[t + skipped], b = late.column(info.name)[t];
      if (exact) {
        ASSERT_TRUE(same_bits(a, b)) << info.name << " " << t << ": " << a << " " << b;
      } else {
        ASSERT_NEAR(a, b, 1e-6) << info.name << " " << t;
      }
    }
  }
}

// Spot check of the mapping against its formulas, from the raw columns and sigma.
TEST(ModelInputsTest, FollowTheirFormulas) {
  const CandleSeries series = testing::tick_market(5, 700, Interval::k1h);
  const FeatureMatrix raw = compute_raw_features(series), inputs = columns(series);
  const std::vector<double> sigma = compute_sigma(series);
  for (const std::size_t t : {200u, 333u, 699u}) {
    const double close = series.close[t], s = sigma[t], r = std::log(close / series.close[t - 1]);
    const auto in = [&](std::string_view name) { return inputs.column(name)[t]; };
    const auto of = [&](std::string_view name) { return raw.column(name)[t]; };
    EXPECT_NEAR(in("close"), r / s, 1e-12);
    for (const char* name :
         {"open", "high", "low", "sma_200", "ema_50", "bb_upper", "bb_lower", "kc_lower", "hl2"}) {
      EXPECT_NEAR(in(name), std::log(of(name) / close) / s, 1e-12) << name;
    }
    for (const char* name : {"macd", "macd_signal", "macd_histogram", "bb_width", "atr_14"}) {
      EXPECT_NEAR(in(name), of(name) / close / s, 1e-12) << name;
    }
    for (const char* name : {"rsi_14", "rsi_21", "stochastic_k", "stochastic_d"}) {
      EXPECT_NEAR(in(name), (of(name) - 50.0) / 50.0, 1e-12) << name;
    }
    EXPECT_NEAR(in("roc_12"), std::log(close / series.close[t - 12]) / (s * std::sqrt(12.0)), 1e-12);
    EXPECT_NEAR(in("momentum"), of("momentum") / close / (s * std::sqrt(5.0)), 1e-12);
    EXPECT_NEAR(in("natr"), std::log(of("natr")), 1e-12);
    EXPECT_NEAR(in("bb_percent_b"), of("bb_percent_b") - 0.5, 1e-12);
    EXPECT_NEAR(in("cmf"), of("cmf"), 1e-12);
    EXPECT_NEAR(in("log_sigma"), std::log(s), 1e-12);
    double squares = 0.0;
    for (std::size_t k = t - 119; k <= t; ++k)
      squares += std::pow(std::log(series.close[k] / series.close[k - 1]), 2);
    EXPECT_NEAR(in("har_5d"), 0.5 * std::log(squares / 120.0), 1e-12);
    double parkinson = 0.0, garman_klass = 0.0;
    for (std::size_t k = t - 3; k <= t; ++k) {
      const double range = std::pow(std::log(series.high[k] / series.low[k]), 2);
      const double body = std::pow(std::log(series.close[k] / series.open[k]), 2);
      parkinson += range / (4.0 * std::log(2.0));
      garman_klass += range / 2.0 - (2.0 * std::log(2.0) - 1.0) * body;
    }
    EXPECT_NEAR(in("parkinson_4"), 0.5 * std::log(parkinson / 4.0), 1e-12);
    EXPECT_NEAR(in("garman_klass_4"), 0.5 * std::log(garman_klass / 4.0), 1e-12);
  }
}

// Candles of volume 10 at the usual level, then one of 1000 on a rise of 1 %.
TEST(ModelInputsTest, VolumesAreMeasuredAgainstTheMedianOfTheDay) {
  CandleSeries series;
  for (int i = 0; i < 29; ++i)
    testing::append(series, 100.0, 101.0, 99.0, i % 2 == 0 ? 100.0 : 100.5, 10.0);
  testing::append(series, 100.0, 101.0, 99.0, 101.0, 1000.0);
  testing::append(series, 101.0, 101.0, 101.0, 101.0, 0.0);
  const FeatureMatrix inputs = columns(series);
  EXPECT_NEAR(inputs.column("volume")[29], std::log(100.0), 1e-12);
  EXPECT_NEAR(inputs.column("obv")[29], std::log(101.0), 1e-12);
  EXPECT_NEAR(inputs.column("volume_change")[29], std::log(100.001 / 1.001), 1e-12);
  const double sigmas = 0.01 / compute_sigma(series)[29];
  EXPECT_NEAR(inputs.column("vpt")[29], std::log1p(100.0 * sigmas), 1e-9);
  EXPECT_NEAR(inputs.column("volume")[30], std::log(1e-3), 1e-12);
  EXPECT_EQ(inputs.column("obv")[30], 0.0);
}

TEST(ModelInputsTest, AFlatMarketWithoutVolumeReadsNeutral) {
  CandleSeries series;
  for (int i = 0; i < 300; ++i)
    testing::append(series, 7.0, 7.0, 7.0, 7.0, 0.0);
  const FeatureMatrix inputs = columns(series);
  for (const char* name :
       {"open", "close", "sma_200", "ema_200", "rsi_14", "rsi_21", "macd", "stochastic_k", "mfi",
        "bb_percent_b", "bb_width", "cmf", "obv", "vpt", "volume_change", "price_change"}) {
    EXPECT_NEAR(inputs.column(name)[299], 0.0, 1e-9) << name;
  }
}

// 2023-11-15 00:00 UTC, a Wednesday, is when the candle after this one opens.
TEST(ModelInputsTest, TimeIsThatOfTheNextCandle) {
  CandleSeries series;
  testing::append(series, 1.0, 1.0, 1.0, 1.0, 1.0);
  series.open_time[0] = parse_utc("2023-11-14 23:00").value();
  const FeatureMatrix inputs = columns(series);
  EXPECT_NEAR(inputs.column("hour_sin")[0], 0.0, 1e-12);
  EXPECT_NEAR(inputs.column("hour_cos")[0], 1.0, 1e-12);
  EXPECT_NEAR(inputs.column("weekday_sin")[0], std::sin(4.0 * std::numbers::pi / 7.0), 1e-12);
  EXPECT_NEAR(inputs.column("weekday_cos")[0], std::cos(4.0 * std::numbers::pi / 7.0), 1e-12);
}

TEST(ModelInputsTest, SelectionKeepsTheOrderAskedFor) {
  const CandleSeries series = testing::tick_market(6, 60, Interval::k1h);
  const std::vector<std::string> selected{"sma_50", "hour_sin", "close"};
  const InputMatrix inputs = compute_model_inputs(series, selected).value();
  const FeatureMatrix all = columns(series);
  EXPECT_EQ(inputs.names, selected);
  EXPECT_EQ(inputs.first_valid, 49u);
  for (std::size_t t = inputs.first_valid; t < inputs.rows; ++t) {
    for (std::size_t f = 0; f < 3; ++f) {
      EXPECT_EQ(inputs.values[t * 3 + f], static_cast<float>(all.column(selected[f])[t]))
          << selected[f] << " " << t;
    }
  }
}

TEST(ModelInputsTest, ARunShorterThanTheWarmUpHasNoValidRow) {
  const InputMatrix inputs = compute_model_inputs(testing::tick_market(7, 24, Interval::k1h)).value();
  EXPECT_EQ(inputs.first_valid, inputs.rows);
}

TEST(ModelInputsTest, AnUnknownNameIsAnErrorThatNamesIt) {
  const std::vector<std::string> selected{"close", "ichimoku"};
  const auto inputs = compute_model_inputs(testing::tick_market(8, 10, Interval::k1h), selected);
  ASSERT_FALSE(inputs);
  EXPECT_EQ(inputs.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(inputs.error().message.find("'ichimoku'"), std::string::npos) << inputs.error().message;
}

TEST(SelectInputsTest, SkipsWhatWouldSpendMoreThanHalfTheHistoryOnWarmUp) {
  const Selection selection = select_inputs(250, Interval::k1h);
  EXPECT_EQ(selection.used.size() + selection.skipped.size(), 65u);
  const auto skipped = std::find_if(selection.skipped.begin(), selection.skipped.end(),
                                    [](const SkippedFeature& s) { return s.name == "sma_200"; });
  ASSERT_NE(skipped, selection.skipped.end());
  EXPECT_EQ(
      skipped->reason,
      "sma_200 needs 200 candles of history, the longest run without a hole has 250; at most half may be "
      "warm-up");
  EXPECT_EQ(std::count(selection.used.begin(), selection.used.end(), "sma_100"), 1);
}

TEST(SelectInputsTest, UsesAllWithEnoughHistoryAndNoneOfTheSlowOnesWithLittle) {
  EXPECT_TRUE(select_inputs(2 * 481, Interval::k15m).skipped.empty());
  EXPECT_EQ(select_inputs(2 * 481 - 1, Interval::k15m).skipped.size(), 1u);  // har_5d
  EXPECT_EQ(select_inputs(2, Interval::k1h).used,
            (std::vector<std::string>{"hour_sin", "hour_cos", "weekday_sin", "weekday_cos"}));
}

TEST(SelectInputsTest, OffersOnlyWhatHasASource) {
  const auto offers = [](InputSources sources, std::string_view name) {
    const Selection selection = select_inputs(5000, Interval::k1h, sources);
    return std::count(selection.used.begin(), selection.used.end(), name) == 1;
  };
  EXPECT_FALSE(offers({}, "taker_imbalance"));
  EXPECT_FALSE(offers({}, "btc_return"));
  EXPECT_TRUE(offers({.taker = true}, "taker_imbalance"));
  EXPECT_TRUE(offers({.market = true}, "btc_return"));
  const auto absent = compute_model_inputs(testing::tick_market(8, 10, Interval::k1h),
                                           std::vector<std::string>{"btc_return"});
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message.find("btc_return needs market data"), std::string::npos)
      << absent.error().message;
}

TEST(ModelInputsTest, TakerImbalanceIsTheNetShareOfTheVolume) {
  CandleSeries series;
  for (int i = 0; i < 30; ++i)
    testing::append(series, 5.0, 5.0, 5.0, 5.0, i == 29 ? 0.0 : 10.0);
  series.taker_buy_base.assign(30, 7.5);
  series.taker_buy_base[28] = std::nan("");
  series.taker_buy_base[29] = 0.0;
  const FeatureMatrix inputs = compute_model_input_columns(series).value();
  EXPECT_EQ(inputs.column("taker_imbalance")[27], 0.5);
  EXPECT_EQ(inputs.column("taker_imbalance")[28], 0.0);  // not stated
  EXPECT_EQ(inputs.column("taker_imbalance")[29], 0.0);  // no volume
  EXPECT_TRUE(std::isnan(inputs.column("taker_imbalance_24")[22]));
  EXPECT_EQ(inputs.column("taker_imbalance_24")[23], 0.5);
  EXPECT_NEAR(inputs.column("taker_imbalance_24")[29], 22.0 * 5.0 / 230.0, 1e-15);
}

}  // namespace
}  // namespace mop::features
