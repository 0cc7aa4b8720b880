#include <algorithm>
#include <optional>

#include <gtest/gtest.h>

#include "mop/base/rng.h"
#include "mop/nn/bf16.h"
#include "mop/nn/param_layout.h"
#include "mop/train/forecaster.h"
#include "mop/train/model_file.h"
#include "mop/train/preparation.h"
#include "mop/train/targets.h"
#include "mop/train/test_candles.h"
#include "mop/train/trainer.h"

namespace mop::train {
namespace {

using market::CandleSeries;
using market::Interval;

class KindTest : public testing::TestWithParam<Kind> {};

TEST_P(KindTest, SameJobSameBytes) {
  EXPECT_TRUE(to_model_file(train_small(GetParam())) == to_model_file(train_small(GetParam())));
}

TEST_P(KindTest, AModelFileReadsBackToTheSameForecasts) {
  const TrainedModel model = train_small(GetParam());
  const std::string bytes = to_model_file(model);
  const auto read = parse_model_file(bytes, "test model");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_TRUE(to_model_file(*read) == bytes);
  Forecaster a = Forecaster::make(model, small_job(GetParam()).coins[0].series).value();
  Forecaster b = Forecaster::make(*read, small_job(GetParam()).coins[0].series).value();
  for (std::size_t head = 0; head < a.heads(); ++head) {
    const std::size_t row = a.series(head).rows() - 1;
    ASSERT_TRUE(a.can_forecast(head, row));
    EXPECT_EQ(a.forecast(head, std::span(&row, 1)).z, b.forecast(head, std::span(&row, 1)).z);
  }
}

// `predict` asks for one candle, `evaluate` for thousands, on more or fewer candles of history behind it.
TEST_P(KindTest, OneForecastEqualsTheSameAmongMany) {
  const TrainedModel model = train_small(GetParam());
  const auto series = small_job(GetParam()).coins[0].series;
  Forecaster all = Forecaster::make(model, series).value();
  for (std::size_t head = 0; head < all.heads(); ++head) {
    std::vector<std::size_t> rows;
    for (std::size_t t = 0; t < all.series(head).rows(); ++t) {
      if (all.can_forecast(head, t)) rows.push_back(t);
    }
    const HeadForecasts many = all.forecast(head, rows);
    const std::size_t pick = rows.size() - 37;
    const UnixMillis now = all.series(head).close_time[rows[pick]];
    std::vector<CandleSeries> known;
    for (const auto& s : series)
      known.push_back(s.closing_in(INT64_MIN, now + 1));
    Forecaster then = Forecaster::make(model, known).value();
    const std::size_t last = then.series(head).rows() - 1;
    const HeadForecasts one = then.forecast(head, std::span(&last, 1));
    const std::size_t width = one.z.size();
    EXPECT_TRUE(
        std::equal(one.z.begin(), one.z.end(), many.z.begin() + static_cast<std::ptrdiff_t>(pick * width)));
    EXPECT_EQ(one.log_range[0], many.log_range[pick]);
    EXPECT_TRUE(std::is_sorted(one.z.begin(), one.z.begin() + 9));
  }
}

// Volatility here swings with the hour: the clock inputs tell, EWMA lags. An untrained model is EWMA.
TEST_P(KindTest, LearnsWhatEwmaMisses) {
  TrainJob job = small_job(GetParam());
  job.profile.epochs = 40;
  job.profile.patience = 40;
  job.profile.batch_size = 2;
  job.profile.learning_rate = 0.01;
  if (GetParam() == Kind::k1h) job.coins[0].series = {swinging(Interval::k1h, 3200, 11)};
  const TrainedModel learned = train_first(job);
  job.profile.epochs = 1;
  job.profile.learning_rate = 1e-9;
  const TrainedModel idle = train_first(job);
  EXPECT_LT(learned.best_val_loss(), 0.97 * idle.best_val_loss());
}

INSTANTIATE_TEST_SUITE_P(Kinds, KindTest, testing::Values(Kind::k15m, Kind::k1h, Kind::kUnified),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

TEST(PreparationTest, CandlesOfTheValidationBlockTouchNothingThatIsFitted) {
  TrainJob job = small_job(Kind::k1h);
  const Pool pool_before = prepare(job).value();
  const Member& before = pool_before.members[0];
  CandleSeries& s = job.coins[0].series[0];
  for (std::size_t t = before.split.fit_end + 1; t < s.size(); ++t) {
    for (auto* column : {&s.open, &s.high, &s.low, &s.close})
      (*column)[t] *= 1.0 + 0.1 * static_cast<double>(t % 3);
  }
  const Pool pool_after = prepare(job).value();
  const Member& after = pool_after.members[0];
  EXPECT_EQ(before.model.branches[0].head.base, after.model.branches[0].head.base);
  EXPECT_EQ(before.model.branches[0].scaler.mean, after.model.branches[0].scaler.mean);
  EXPECT_EQ(before.model.branches[0].scaler.sd, after.model.branches[0].scaler.sd);
  EXPECT_EQ(before.model.branches[0].range_mean, after.model.branches[0].range_mean);
}

std::vector<MemberChunk> of_first(std::span<const dataset::Chunk> rows) {
  std::vector<MemberChunk> chunks;
  for (const dataset::Chunk& chunk : rows)
    chunks.push_back({0, chunk});
  return chunks;
}

TEST(ObjectiveTest, GradientMatchesFiniteDifferences) {
  const Pool pool = prepare(small_job(Kind::kUnified)).value();
  const Member& m = pool.members[0];
  Objective objective(pool.members);
  const auto rows = m.builder->chunks(m.split.fit_begin, m.split.fit_begin + 1200, 8, 0);
  const auto part = of_first(std::span(rows).last(3).first(2));  // the last one may be shorter
  dataset::Sequences sequences;
  m.builder->build(std::span(rows).last(3).first(2), 8, sequences);
  const std::size_t outputs = pool.shape.outputs;
  std::vector<float> y(8 * 2 * outputs), dy(y.size()), unused(y.size());
  Rng rng(3, 3);
  for (float& v : y)
    v = static_cast<float>(0.3 * rng.normal());
  const LossSum base = objective.loss(part, sequences, INT64_MAX, y, dy);
  ASSERT_GT(base.pairs, 16u);  // 16 quarters and the hours that end with them
  const std::size_t location = 0;
  for (std::size_t row = 0; row < 16; row += 5) {
    std::vector<float> up = y, down = y;
    up[row * outputs + location] += 1e-3f;
    down[row * outputs + location] -= 1e-3f;
    const double difference = (objective.loss(part, sequences, INT64_MAX, up, {}).mean() -
                               objective.loss(part, sequences, INT64_MAX, down, {}).mean()) /
                              2e-3;
    EXPECT_NEAR(dy[row * outputs + location], difference, 2e-3 / static_cast<double>(base.pairs));
  }
}

// A batch goes through the network a few sequences at a time: the parts are the whole, weights included.
TEST(ObjectiveTest, PartsOfABatchMakeTheWhole) {
  const Pool pool = prepare(small_job(Kind::kUnified)).value();
  const Member& m = pool.members[0];
  const auto rows = m.builder->chunks(m.split.fit_begin, m.split.fit_begin + 1200, 8, 0);
  ASSERT_GE(rows.size(), 5u);
  const auto chunks = of_first(std::span(rows).first(5));
  dataset::Sequences sequences;
  m.builder->build(std::span(rows).first(5), 8, sequences);
  const std::size_t outputs = pool.shape.outputs;
  std::vector<float> y(8 * 5 * outputs), dy(y.size());
  Rng rng(3, 3);
  for (float& v : y)
    v = static_cast<float>(0.3 * rng.normal());
  Objective objective(pool.members, 1.0);
  const LossSum whole = objective.loss(chunks, sequences, pool.fit_targets_before, y, dy);
  EXPECT_EQ(objective.take(chunks, sequences, pool.fit_targets_before), whole.pairs);
  LossSum parts;
  for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>{0, 3}, {3, 2}}) {
    std::vector<float> part(8 * count * outputs), dpart(part.size());
    for (std::size_t s = 0; s < 8; ++s) {
      std::ranges::copy(std::span(y).subspan((s * 5 + first) * outputs, count * outputs),
                        part.begin() + static_cast<std::ptrdiff_t>(s * count * outputs));
    }
    parts.add(objective.loss(first, count, part, dpart));
    for (std::size_t s = 0; s < 8; ++s) {
      EXPECT_TRUE(std::ranges::equal(std::span(dpart).subspan(s * count * outputs, count * outputs),
                                     std::span(dy).subspan((s * 5 + first) * outputs, count * outputs)));
    }
  }
  EXPECT_EQ(parts.pairs, whole.pairs);
  EXPECT_NEAR(parts.pinball, whole.pinball, 1e-12 * whole.pinball);
}

// A row that closed one half-life before another pulls half as hard; the loss itself counts all the same.
TEST(ObjectiveTest, OldRowsPullLess) {
  const Pool pool = prepare(small_job(Kind::k1h)).value();
  const Member& m = pool.members[0];
  const auto rows = m.builder->chunks(m.split.fit_begin, m.split.fit_end, 49, 0);
  ASSERT_FALSE(rows.empty());
  ASSERT_EQ(rows[0].count, 49u);
  const auto chunks = of_first(std::span(rows).first(1));
  dataset::Sequences sequences;
  m.builder->build(std::span(rows).first(1), 49, sequences);
  const std::size_t outputs = pool.shape.outputs;
  std::vector<float> y(49 * outputs, 0.1f), even(y.size()), weighted(y.size());
  Objective plain(pool.members), one_day(pool.members, 1.0);
  const LossSum counted = plain.loss(chunks, sequences, pool.fit_targets_before, y, even);
  EXPECT_EQ(one_day.loss(chunks, sequences, pool.fit_targets_before, y, weighted).pinball, counted.pinball);
  const auto pull = [&](std::size_t row) { return weighted[row * outputs] / even[row * outputs]; };
  EXPECT_NEAR(pull(0) / pull(24), 0.5, 1e-6);
  EXPECT_NEAR(pull(24) / pull(48), 0.5, 1e-6);
  double sum = 0.0;
  for (std::size_t row = 0; row < 49; ++row)
    sum += pull(row);
  EXPECT_NEAR(sum / 49.0, 1.0, 1e-6);  // as hard as all together without weights
}

// The purge: what closes at or after the limit is neither counted nor felt.
TEST(ObjectiveTest, TargetsBehindTheLimitDoNotExist) {
  const Pool pool = prepare(small_job(Kind::kUnified)).value();
  const Member& m = pool.members[0];
  Objective objective(pool.members);
  const auto rows = m.builder->chunks(1200, 1232, 32, 0);
  const auto chunks = of_first(rows);
  dataset::Sequences sequences;
  m.builder->build(rows, 32, sequences);
  std::vector<float> y(32 * pool.shape.outputs, 0.1f), dy(y.size()), dy_again(y.size());
  const UnixMillis limit = m.data[0]->close_time[1216];
  const LossSum all = objective.loss(chunks, sequences, INT64_MAX, y, dy);
  const LossSum known = objective.loss(chunks, sequences, limit, y, dy);
  EXPECT_LT(known.pairs, all.pairs);
  for (const auto& data : m.data) {
    for (std::size_t t = 0; t < data->rows(); ++t) {
      for (std::size_t h = 1; h <= data->horizon; ++h) {
        if (!data->target_closes_before(t, h, limit)) data->y[t * data->horizon + h - 1] = 1e3;
      }
      if (!data->target_closes_before(t, 1, limit)) data->next_log_range[t] = 1e3;
    }
  }
  const LossSum again = objective.loss(chunks, sequences, limit, y, dy_again);
  EXPECT_EQ(known.pairs, again.pairs);
  EXPECT_EQ(known.pinball, again.pinball);
  EXPECT_EQ(dy, dy_again);
}

// Three coins of their own lengths: none is forecast by candles of another's future, and each gets a model.
class PooledTest : public testing::TestWithParam<Kind> {
 protected:
  static TrainJob job(std::vector<market::CandleSeries>& coins, std::optional<dataset::Markets>& markets) {
    TrainJob pooled = small_job(GetParam());
    pooled.profile.pooled = true;
    pooled.profile.ensemble = 2;
    pooled.market_coins = {"BTCUSDT", "ETHUSDT", "SOLUSDT"};
    pooled.coins.clear();
    for (std::size_t c = 0; c < 3; ++c) {
      CoinCandles coin{pooled.market_coins[c], {}};
      for (const Interval interval : intervals_of(GetParam())) {
        const std::size_t candles = (interval == Interval::k15m ? 4u : 1u) * (800 - 40 * c);
        coin.series.push_back(swinging(interval, candles, 11 + c));
        coin.series.back().symbol = coin.symbol;
      }
      pooled.coins.push_back(std::move(coin));
    }
    for (std::size_t b = 0; b < pooled.coins[0].series.size(); ++b) {
      for (const CoinCandles& coin : pooled.coins)
        coins.push_back(coin.series[b]);
    }
    markets.emplace(coins);
    pooled.markets = &*markets;
    return pooled;
  }
};

TEST_P(PooledTest, ThreadsAndOrderOfNetworksChangeNothing) {
  std::vector<market::CandleSeries> coins;
  std::optional<dataset::Markets> markets;
  const TrainJob pooled = job(coins, markets);
  const auto models = train_models(pooled, [](const EpochReport&) {}).value();
  ASSERT_EQ(models.size(), 3u);
  const Pool pool = prepare(pooled).value();
  const TrainedNetwork second = train_network(pool, 1, [](const EpochReport&) {}).value();
  for (const TrainedModel& m : models) {
    EXPECT_EQ(m.networks[1].params, second.params);
    EXPECT_NE(m.networks[0].params, second.params);
    const auto read = parse_model_file(to_model_file(m), "pooled model");
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_TRUE(to_model_file(*read) == to_model_file(m));
  }
}

TEST_P(PooledTest, NoCoinsFitPartReachesIntoAnothersValidationBlock) {
  std::vector<market::CandleSeries> coins;
  std::optional<dataset::Markets> markets;
  const Pool pool = prepare(job(coins, markets)).value();
  for (const Member& m : pool.members) {
    EXPECT_EQ(m.split.fit_targets_before, pool.fit_targets_before);
    EXPECT_LT(m.data[0]->close_time[m.split.fit_end - 1], pool.fit_targets_before);
    EXPECT_GE(m.data[0]->close_time[m.split.fit_end], pool.fit_targets_before);
    EXPECT_EQ(m.model.coins.size(), 3u);
    EXPECT_EQ(m.model.trained_until, pool.members[0].model.trained_until);
  }
}

TEST_P(PooledTest, AForecastIsTheMeanOfItsNetworks) {
  std::vector<market::CandleSeries> coins;
  std::optional<dataset::Markets> markets;
  const TrainJob pooled = job(coins, markets);
  const auto models = train_models(pooled, [](const EpochReport&) {}).value();
  const auto raw_of = [&](const TrainedModel& model) {
    Forecaster f = Forecaster::make(model, pooled.coins[1].series, &*markets).value();
    return f.window(0, f.series(0).rows() - 1).raw;
  };
  TrainedModel first = models[1], second = models[1];
  first.networks = {models[1].networks[0]};
  second.networks = {models[1].networks[1]};
  const auto both = raw_of(models[1]), a = raw_of(first), b = raw_of(second);
  for (std::size_t i = 0; i < both.size(); ++i)
    EXPECT_EQ(both[i], (a[i] + b[i]) / 2.0f);
}

TEST_P(PooledTest, AModelThatReadsTheMarketIsNotUsedWithoutIt) {
  std::vector<market::CandleSeries> coins;
  std::optional<dataset::Markets> markets;
  const TrainJob pooled = job(coins, markets);
  const auto models = train_models(pooled, [](const EpochReport&) {}).value();
  const auto made = Forecaster::make(models[0], pooled.coins[0].series);
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().message.find("market"), std::string::npos) << made.error().message;
}

TEST_P(PooledTest, ACoinTooShortForTheOthersInputsIsLeftOutWithItsReason) {
  std::vector<market::CandleSeries> coins;
  std::optional<dataset::Markets> markets;
  TrainJob pooled = job(coins, markets);
  for (auto& series : pooled.coins[2].series)
    series = series.slice(0, 90);
  const Pool pool = prepare(pooled).value();
  EXPECT_EQ(pool.members.size(), 2u);
  ASSERT_EQ(pool.left_out.size(), 1u);
  EXPECT_EQ(pool.left_out[0].symbol, "SOLUSDT");
  EXPECT_NE(pool.left_out[0].error.message.find("fetch more history"), std::string::npos)
      << pool.left_out[0].error.message;
}

INSTANTIATE_TEST_SUITE_P(Kinds, PooledTest, testing::Values(Kind::k15m, Kind::k1h, Kind::kUnified),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

TEST(ModelFileTest, ACutFileAndOtherInputsAreRefused) {
  const TrainedModel model = train_small(Kind::k1h);
  const std::string bytes = to_model_file(model);
  for (std::size_t n = 0; n < bytes.size(); n += 1 + bytes.size() / 97) {
    const auto read = parse_model_file(bytes.substr(0, n), "cut model");
    ASSERT_FALSE(read.has_value()) << n;
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(read.error().message.find("cut model"), std::string::npos) << read.error().message;
  }
  TrainedModel other = model;
  other.branches[0].inputs.pop_back();  // metadata promise fewer inputs than the weights have
  other.branches[0].scaler.mean.pop_back();
  other.branches[0].scaler.sd.pop_back();
  const auto read = parse_model_file(to_model_file(other), "other model");
  ASSERT_FALSE(read.has_value());
  EXPECT_NE(read.error().message.find("list of inputs"), std::string::npos) << read.error().message;
}

TEST(TrainerTest, RecurrentWeightsAreKeptAsBfloat16ValuesAndNoOthers) {
  const TrainedModel model = train_small(Kind::kUnified);
  const nn::ParamLayout layout(model.shape);
  for (const nn::Tensor& tensor : layout.tensors()) {
    if (tensor.name.find("weight") == std::string::npos) continue;
    EXPECT_EQ(nn::are_bf16(std::span(model.networks[0].params).subspan(tensor.offset, tensor.size)),
              tensor.name.find("weight_hh") != std::string::npos)
        << tensor.name;
  }
}

TEST(TrainerTest, TooFewCandlesIsOneClearSentence) {
  TrainJob job = small_job(Kind::k1h);
  job.coins[0].series[0] = job.coins[0].series[0].slice(0, 60);
  const auto made = train_models(job, [](const EpochReport&) {});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(made.error().message.find("BTCUSDT 1h"), std::string::npos) << made.error().message;
}

}  // namespace
}  // namespace mop::train
