#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "mop/base/rng.h"
#include "mop/dataset/asof_join.h"
#include "mop/dataset/live_rows.h"
#include "mop/dataset/scaler.h"
#include "mop/dataset/sequences.h"
#include "mop/dataset/series_data.h"
#include "mop/dataset/split.h"
#include "mop/features/candle_rows.h"

namespace mop::dataset {
namespace {

using market::CandleSeries;
using market::Interval;

constexpr UnixMillis kStart = 1735689600000;  // 2025-01-01

CandleSeries random_walk(Interval interval, std::size_t n, std::uint64_t seed = 1) {
  CandleSeries s;
  s.symbol = "BTCUSDT";
  s.interval = interval;
  Rng rng(seed, 0);
  double price = 100.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double open = price;
    price *= std::exp(0.002 * rng.normal());
    const double spread = price * 0.001 * rng.uniform();
    s.open_time.push_back(kStart + static_cast<UnixMillis>(i) * length_of(interval));
    s.open.push_back(open);
    s.high.push_back(std::max(open, price) + spread);
    s.low.push_back(std::min(open, price) - spread);
    s.close.push_back(price);
    s.volume.push_back(1.0 + rng.uniform());
  }
  return s;
}

CandleSeries without(const CandleSeries& s, std::size_t first, std::size_t last) {
  CandleSeries cut = s.slice(0, first);
  const CandleSeries rest = s.slice(last, s.size());
  const auto join = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  join(cut.open_time, rest.open_time);
  join(cut.open, rest.open);
  join(cut.high, rest.high);
  join(cut.low, rest.low);
  join(cut.close, rest.close);
  join(cut.volume, rest.volume);
  return cut;
}

TEST(SeriesDataTest, TargetsAreForwardLogReturnsAndEndWithTheSeries) {
  const CandleSeries s = random_walk(Interval::k1h, 400);
  const SeriesData d = build_series_data(s, {}, 7).value();
  EXPECT_DOUBLE_EQ(d.y[300 * 7 + 2], std::log(s.close[303] / s.close[300]));
  EXPECT_DOUBLE_EQ(d.z(300, 3), d.y[300 * 7 + 2] / (d.sigma[300] * std::sqrt(3.0)));
  EXPECT_DOUBLE_EQ(d.next_log_range[300], std::log(s.high[301] / s.low[301]));
  EXPECT_FALSE(std::isnan(d.y[398 * 7]));
  EXPECT_TRUE(std::isnan(d.y[398 * 7 + 1]));
  EXPECT_TRUE(std::isnan(d.y[399 * 7]));
}

TEST(SeriesDataTest, NothingSpansAHole) {
  const CandleSeries s = without(random_walk(Interval::k1h, 1000), 500, 510);
  const SeriesData d = build_series_data(s, {}, 3).value();
  EXPECT_TRUE(std::isnan(d.y[499 * 3]));  // the next candle is missing
  EXPECT_TRUE(std::isnan(d.y[498 * 3 + 1]));
  EXPECT_FALSE(std::isnan(d.y[498 * 3]));
  EXPECT_EQ(d.history[500], 0u);  // indicators restart
  std::size_t restart = 500;
  while (restart < d.rows() && d.history[restart] == 0)
    ++restart;
  EXPECT_EQ(restart - 500, [&] {
    std::size_t t = 0;
    while (d.history[t] == 0)
      ++t;
    return t;
  }());
}

TEST(SeriesDataTest, FutureCandlesChangeNoInput) {
  const CandleSeries s = random_walk(Interval::k15m, 900);
  const SeriesData whole = build_series_data(s, {}, 7).value();
  const SeriesData cut = build_series_data(s.slice(0, 700), whole.input_names, 7).value();
  ASSERT_GT(cut.history[699], 0u);
  for (std::size_t i = 0; i < cut.x.size(); ++i)
    ASSERT_EQ(cut.x[i], whole.x[i]) << i;
  for (std::size_t t = 0; t < 700; ++t) {
    if (cut.history[t] == 0) continue;
    ASSERT_EQ(cut.sigma[t], whole.sigma[t]);
  }
}

TEST(SeriesDataTest, AnUnknownInputIsRefused) {
  const std::vector<std::string> names{"rsi_14", "crystal_ball"};
  const auto made = build_series_data(random_walk(Interval::k1h, 400), names, 1);
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().message.find("crystal_ball"), std::string::npos);
}

FitSplit split_of(const SeriesData& d, double share, std::size_t lookback) {
  const SeriesData* const one[] = {&d};
  return split_at(d, validation_opens(one, share, lookback).value(), lookback);
}

// Feeds a series as a service does: indicators begin anew after a hole.
LiveRows fed(const CandleSeries& s, const std::vector<std::string>& inputs, std::size_t keep) {
  LiveRows live = LiveRows::make(s.symbol, s.interval, inputs, 7, {}).value();
  features::ModelInputState state(s.interval);
  features::ModelInputRow row;
  for (std::size_t t = 0; t < s.size(); ++t) {
    if (t > 0 && s.open_time[t] != s.open_time[t - 1] + length_of(s.interval))
      state = features::ModelInputState(s.interval);
    const features::CandleValues candle = features::candle_values(s, t);
    const double sigma = state.push(candle, row);
    live.push(candle, row, sigma);
    live.keep_newest(keep);
  }
  return live;
}

template <typename T>
void expect_same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(T)), 0);
}

TEST(LiveRowsTest, HoldTheSameBytesAsTheBatch) {
  const CandleSeries s = without(random_walk(Interval::k1h, 700), 300, 302);
  const std::vector<std::string> inputs{"har_24", "rsi_14", "close", "hour_sin"};
  const SeriesData batch = build_series_data(s, inputs, 7).value();
  const LiveRows live = fed(s, inputs, 1000);
  expect_same_bytes(live.data().close_time, batch.close_time);
  expect_same_bytes(live.data().close, batch.close);
  expect_same_bytes(live.data().x, batch.x);
  expect_same_bytes(live.data().history, batch.history);
  expect_same_bytes(live.data().sigma, batch.sigma);
  expect_same_bytes(live.data().y, batch.y);
  expect_same_bytes(live.data().next_log_range, batch.next_log_range);
}

TEST(LiveRowsTest, OfARowThatStaysOnlyTheHistoryCountsThatStaysWithIt) {
  const CandleSeries s = random_walk(Interval::k1h, 500);
  const SeriesData batch = build_series_data(s, {{"har_24"}}, 7).value();
  const LiveRows live = fed(s, {"har_24"}, 100);
  const SeriesData& kept = live.data();
  ASSERT_EQ(kept.rows(), 100u);
  EXPECT_EQ(kept.history.front(), 1u);
  EXPECT_EQ(kept.history.back(), 100u);
  EXPECT_GT(batch.history.back(), 100u);
  expect_same_bytes(kept.y, {batch.y.end() - 700, batch.y.end()});
  expect_same_bytes(kept.x, {batch.x.end() - 100, batch.x.end()});
}

TEST(SplitTest, FitTargetsCloseBeforeTheValidationBlockOpens) {
  const SeriesData d = build_series_data(random_walk(Interval::k1h, 2000), {}, 7).value();
  const FitSplit split = split_of(d, 0.2, 60);
  EXPECT_EQ(split.fit_targets_before, d.close_time[split.fit_end]);
  EXPECT_EQ(split.validation_begin - split.fit_end, 60u);
  EXPECT_EQ(split.validation_end, d.rows());
  // The last fit row may look one candle ahead only into the past of the block.
  EXPECT_FALSE(d.target_closes_before(split.fit_end - 1, 1, split.fit_targets_before));
  EXPECT_TRUE(d.target_closes_before(split.fit_end - 2, 1, split.fit_targets_before));
  EXPECT_FALSE(d.target_closes_before(split.fit_end - 2, 2, split.fit_targets_before));
}

TEST(SplitTest, SeriesLearntTogetherAreCutAtOneInstant) {
  const SeriesData whole = build_series_data(random_walk(Interval::k1h, 2000), {}, 7).value();
  const SeriesData ended = build_series_data(random_walk(Interval::k1h, 900, 2), {}, 7).value();
  const SeriesData* const both[] = {&whole, &ended};
  const UnixMillis opens = validation_opens(both, 0.2, 60).value();
  const FitSplit a = split_at(whole, opens, 60), b = split_at(ended, opens, 60);
  EXPECT_EQ(a.fit_targets_before, b.fit_targets_before);
  EXPECT_EQ(b.fit_end, ended.rows());  // stopped trading before the block
  EXPECT_EQ(b.validation_begin, b.validation_end);
  std::size_t windows = 0, block = 0;
  for (const SeriesData* d : both) {
    for (std::size_t t = 0; t < d->rows(); ++t) {
      windows += static_cast<std::size_t>(d->history[t] >= 60);
      block += static_cast<std::size_t>(d->history[t] >= 60 && d->close_time[t] >= opens);
    }
  }
  EXPECT_EQ(block, windows / 5);
}

TEST(SplitTest, TooFewCandlesSaySo) {
  const SeriesData d = build_series_data(random_walk(Interval::k1h, 260), {}, 7).value();
  const SeriesData* const one[] = {&d};
  const auto opens = validation_opens(one, 0.15, 400);
  ASSERT_FALSE(opens.has_value());
  EXPECT_NE(opens.error().message.find("too few"), std::string::npos);
}

TEST(ScalerTest, IsFittedOnTheFitPartOnly) {
  SeriesData d = build_series_data(random_walk(Interval::k1h, 1000), {}, 1).value();
  const Scaler before = fit_scaler(d, 600);
  for (std::size_t i = 600 * d.inputs(); i < d.x.size(); ++i)
    d.x[i] += 100.0f;
  const Scaler after = fit_scaler(d, 600);
  EXPECT_EQ(before.mean, after.mean);
  EXPECT_EQ(before.sd, after.sd);
  EXPECT_NE(fit_scaler(d, 1000).mean, before.mean);
}

TEST(ScalerTest, MatchesHandWorkedNumbersAndClips) {
  SeriesData d;
  d.input_names = {"a"};
  d.close_time = {0, 1, 2, 3};
  d.x = {9.0f, 1.0f, 3.0f, 5.0f};
  d.history = {0, 1, 2, 3};  // the first row is not usable
  const Scaler s = fit_scaler(d, 4);
  EXPECT_DOUBLE_EQ(s.mean[0], 3.0);
  EXPECT_DOUBLE_EQ(s.sd[0], std::sqrt(8.0 / 3.0));
  const float far[] = {1000.0f};
  float out[1];
  s.apply(far, out);
  EXPECT_EQ(out[0], 5.0f);
}

TEST(AsofTest, AnHourCountsFromTheMomentItClosedAndNotLonger) {
  const UnixMillis h = kHour, q = 15 * kMinute;
  const std::vector<UnixMillis> hours{h - 1, 2 * h - 1, 4 * h - 1};  // the third hour is missing
  const std::vector<UnixMillis> quarters{h - q - 1, h - 1, h + q - 1, 2 * h - 1, 3 * h - 1, 4 * h - 1};
  EXPECT_EQ(asof_hour(quarters, hours), (std::vector<std::int32_t>{-1, 0, 0, 1, -1, 2}));
}

SequenceBuilder::Branch scaled(const SeriesData& data) {
  return {&data, fit_scaler(data, data.rows())};
}

struct Built {
  SeriesData quarter, hour;
  std::vector<SequenceBuilder::Branch> branches() const { return {scaled(quarter), scaled(hour)}; }
};

Built build_both(std::size_t hours) {
  return {build_series_data(random_walk(Interval::k15m, 4 * hours, 5), {}, 2).value(),
          build_series_data(random_walk(Interval::k1h, hours, 6), {}, 2).value()};
}

TEST(SequencesTest, EveryRowWithAWindowIsScoredOnce) {
  const SeriesData d = build_series_data(without(random_walk(Interval::k1h, 1500), 700, 707), {}, 1).value();
  const SequenceBuilder builder({scaled(d)}, 20);
  for (const std::size_t offset : {0u, 1u, 13u}) {
    std::vector<int> hits(d.rows(), 0);
    const auto chunks = builder.chunks(0, d.rows(), 30, offset);
    Sequences s;
    builder.build(chunks, 30, s);
    for (std::size_t b = 0; b < chunks.size(); ++b) {
      for (std::size_t i = 0; i < 30; ++i) {
        if (s.usable[i * chunks.size() + b] != 0) ++hits[chunks[b].first + i];
      }
    }
    for (std::size_t t = 0; t < d.rows(); ++t)
      ASSERT_EQ(hits[t], d.history[t] >= 20 ? 1 : 0) << t;
  }
}

// What the network reads for position s of a chunk ends with row t and begins lookback - 1 + s rows earlier.
TEST(SequencesTest, AWindowEndsWithItsOwnRow) {
  const SeriesData d = build_series_data(random_walk(Interval::k1h, 600), {}, 1).value();
  const SequenceBuilder builder({scaled(d)}, 24);
  Sequences s;
  const std::vector<Chunk> chunks{{400, 10}, {450, 4}};
  builder.build(chunks, 10, s);
  EXPECT_EQ(s.branches[0].steps, 33u);
  EXPECT_EQ(s.usable[3 * 2 + 1], 1);
  EXPECT_EQ(s.usable[4 * 2 + 1], 0);  // behind its chunk
  for (std::size_t i = 0; i < 10; ++i) {
    const auto step = static_cast<std::size_t>(s.branches[0].read_step[i * 2]);
    EXPECT_EQ(step, 23 + i);
    std::vector<float> row(d.inputs());
    scaled(d).scaler.apply(d.row(400 + i), row);
    EXPECT_EQ(s.branches[0].x[(step * 2) * d.inputs()], row[0]);
  }
}

TEST(SequencesTest, PlacesWithTheSameNumberHoldTheSameRowAndEachRowHasOneNumber) {
  const SeriesData d = build_series_data(random_walk(Interval::k1h, 600), {}, 1).value();
  const SequenceBuilder builder({scaled(d)}, 24);
  Sequences s;
  const std::vector<Chunk> windows{{400, 1}, {410, 1}, {300, 1}, {401, 1}};
  builder.build(windows, 1, s);
  const Sequences::Branch& branch = s.branches[0];
  EXPECT_EQ(branch.distinct, 34u + 24u);  // rows 377..410 and 277..300
  ASSERT_EQ(branch.row_of.size(), 24u * 4);
  std::vector<std::vector<float>> held(branch.distinct);
  std::set<std::vector<float>> rows;
  for (std::size_t place = 0; place < branch.row_of.size(); ++place) {
    const auto from = branch.x.begin() + static_cast<std::ptrdiff_t>(place * d.inputs());
    const std::vector<float> row(from, from + static_cast<std::ptrdiff_t>(d.inputs()));
    auto& first = held[static_cast<std::size_t>(branch.row_of[place])];
    if (first.empty()) first = row;
    EXPECT_EQ(first, row) << place;
    rows.insert(row);
  }
  EXPECT_EQ(rows.size(), branch.distinct);
}

TEST(SequencesTest, AUnifiedModelReadsNoHourBeforeItClosed) {
  const Built built = build_both(900);
  const SequenceBuilder builder(built.branches(), 16);
  Sequences s;
  for (const std::size_t first : {3200u, 3201u, 3202u, 3203u}) {
    const std::vector<Chunk> chunks{{first, 9}};
    builder.build(chunks, 9, s);
    const auto start =
        static_cast<std::int64_t>(asof_hour(built.quarter.close_time, built.hour.close_time)[first]) - 15;
    for (std::size_t i = 0; i < 9; ++i) {
      const auto hour = static_cast<std::size_t>(start + s.branches[1].read_step[i]);
      const UnixMillis now = built.quarter.close_time[first + i];
      EXPECT_LE(built.hour.close_time[hour], now);
      EXPECT_GT(built.hour.close_time[hour] + kHour, now);
    }
  }
  EXPECT_EQ(builder.row_of(1, 3203), 800);  // 15m row 3203 ends with hour 800
  EXPECT_EQ(builder.row_of(1, 3202), -1);
}

}  // namespace
}  // namespace mop::dataset
