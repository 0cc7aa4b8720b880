// The live form against the batch form, over every column of the registry.
#include "mop/features/stream.h"

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include <gtest/gtest.h>

#include "mop/features/candle_rows.h"
#include "mop/features/model_inputs.h"
#include "mop/features/test_series.h"

namespace {

// Allocations of this program so far: the claim is that a stream makes none.
std::atomic<std::size_t> allocations{0};

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace mop::features {
namespace {

using market::CandleSeries;
using market::Interval;
using testing::same_bits;

std::vector<std::pair<std::string, CandleSeries>> markets() {
  auto all = testing::hostile_markets(Interval::k15m);
  all.emplace_back("ticks", testing::tick_market(31, 2000, Interval::k15m));  // several blocks of the batch
  for (auto& [name, series] : all) {
    series.taker_buy_base = series.volume;
    for (std::size_t t = 0; t < series.size(); t += 2)
      series.taker_buy_base[t] *= 0.25;
  }
  return all;
}

// A candle that has nothing to do with the ones around it.
CandleValues strange(const CandleSeries& series, std::size_t t) {
  return {series.close_time(t), 3.0, 9000.0, 1e-7, 8000.0, 1e9, 5e8};
}

TEST(StreamTest, RawColumnsEqualTheBatchBitForBitWhateverWasPeeked) {
  for (const auto& [name, series] : markets()) {
    const FeatureMatrix batch = compute_raw_features(series);
    RawFeatureStream stream(series.interval);
    RawRow peeked, row;
    for (std::size_t t = 0; t < series.size(); ++t) {
      stream.peek(strange(series, t), row);
      stream.peek(candle_values(series, t), peeked);
      stream.push(candle_values(series, t), row);
      for (std::size_t f = 0; f < kRawColumns; ++f) {
        ASSERT_TRUE(same_bits(row[f], batch.column(f)[t])) << name << ": " << batch.names[f] << " " << t;
        ASSERT_TRUE(same_bits(peeked[f], row[f])) << name << ": " << batch.names[f] << " " << t;
      }
    }
  }
}

TEST(StreamTest, ModelInputsEqualTheBatchBitForBitWhateverWasPeeked) {
  for (const auto& [name, series] : markets()) {
    CandleSeries btc = series;
    btc.symbol = "BTCUSDT";
    const MarketContext market(std::vector{btc, testing::tick_market(32, 600, series.interval)});
    const FeatureMatrix batch = compute_model_input_columns(series, {}, &market).value();
    ASSERT_EQ(batch.names.size(), kModelInputs);
    ModelInputStream stream(series.interval);
    ModelInputRow peeked, row;
    for (std::size_t t = 0; t < series.size(); ++t) {
      const MarketMove move = market.at(series.close_time(t));
      stream.peek(strange(series, t), row);
      const double peeked_sigma = stream.peek(candle_values(series, t), peeked, move);
      const double sigma = stream.push(candle_values(series, t), row, move);
      ASSERT_TRUE(same_bits(sigma, peeked_sigma)) << name << " " << t;
      for (std::size_t f = 0; f < kModelInputs; ++f) {
        ASSERT_TRUE(same_bits(row[f], batch.column(f)[t])) << name << ": " << batch.names[f] << " " << t;
        ASSERT_TRUE(same_bits(peeked[f], row[f])) << name << ": " << batch.names[f] << " " << t;
      }
    }
  }
}

TEST(StreamTest, StartsAnewAfterAHole) {
  const CandleSeries series = testing::tick_market(33, 900, Interval::k1h);
  const CandleSeries after = series.slice(401, 900);
  const FeatureMatrix batch = compute_raw_features(after);
  RawFeatureStream stream(series.interval);
  RawRow peeked, row;
  for (std::size_t t = 0; t < 400; ++t)
    stream.push(candle_values(series, t), row);
  for (std::size_t t = 0; t < after.size(); ++t) {
    stream.peek(candle_values(after, t), peeked);
    stream.push(candle_values(after, t), row);
    for (std::size_t f = 0; f < kRawColumns; ++f) {
      ASSERT_TRUE(same_bits(row[f], batch.column(f)[t])) << batch.names[f] << " " << t;
      ASSERT_TRUE(same_bits(peeked[f], row[f])) << batch.names[f] << " " << t;
    }
  }
}

TEST(StreamTest, AllocatesNothingOnceItIsConstructed) {
  const CandleSeries series = testing::tick_market(34, 1500, Interval::k15m);
  RawFeatureStream raw(series.interval);
  ModelInputStream inputs(series.interval);
  RawRow raw_row;
  ModelInputRow input_row;
  const std::size_t before = allocations;
  for (std::size_t t = 0; t < series.size(); ++t) {
    CandleValues candle = candle_values(series, t);
    if (t >= 1000) candle.close_time += kDay;  // a hole on the way
    raw.peek(candle, raw_row);
    raw.push(candle, raw_row);
    inputs.peek(candle, input_row);
    inputs.push(candle, input_row);
  }
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace mop::features
