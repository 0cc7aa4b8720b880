#include "mop/train/checkpoint.h"

#include <cmath>

#include <gtest/gtest.h>

#include "mop/base/rng.h"
#include "mop/train/model_file.h"
#include "mop/train/trainer.h"

namespace mop::train {
namespace {

market::CandleSeries random_walk(std::size_t n) {
  market::CandleSeries s{"BTCUSDT", market::Interval::k1h, {}, {}, {}, {}, {}, {}};
  Rng rng(11, 0);
  double price = 100.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double open = price;
    price *= std::exp(0.005 * rng.normal());
    s.open_time.push_back(1735689600000 + static_cast<UnixMillis>(i) * 3'600'000);
    s.open.push_back(open);
    s.high.push_back(std::max(open, price) * 1.0005);
    s.low.push_back(std::min(open, price) * 0.9995);
    s.close.push_back(price);
    s.volume.push_back(1.0 + rng.uniform());
  }
  return s;
}

TrainJob small_job(std::uint64_t seed) {
  TrainJob job;
  job.profile = default_profile();
  job.profile.hidden = 8;
  job.profile.epochs = 5;
  job.profile.patience = 5;
  job.profile.lookback = 24;
  job.profile.horizon = 2;
  job.seed = seed;
  job.profile.pooled = false;
  job.profile.ensemble = 1;
  job.coins = {{"BTCUSDT", {random_walk(700)}}};
  return job;
}

// Trains, starting from `from`; every state saved on the way goes to `saved`, epochs run are counted.
std::string train(const TrainJob& job, const std::string& from, std::vector<std::string>& saved,
                  std::size_t& epochs) {
  const CheckpointStore store{[&] { return from; },
                              [&](std::string_view bytes) {
                                saved.emplace_back(bytes);
                                return Result<void>();
                              }};
  const Pool pool = prepare(job).value();
  const auto network = train_network(
      pool, 0, [&](const EpochReport&) { ++epochs; }, store);
  EXPECT_TRUE(network.has_value());
  return to_model_file(models_of(pool, {*network}).front());
}

TEST(CheckpointTest, ATrainingResumedAfterAnyEpochGivesTheBytesOfOneNeverStopped) {
  std::vector<std::string> saved, ignored;
  std::size_t epochs = 0;
  const std::string expected = train(small_job(5), "", saved, epochs);
  ASSERT_EQ(epochs, 5u);
  ASSERT_EQ(saved.size(), 4u);
  for (std::size_t i = 0; i < saved.size(); ++i) {
    epochs = 0;
    EXPECT_TRUE(train(small_job(5), saved[i], ignored, epochs) == expected) << "after epoch " << i + 1;
    EXPECT_EQ(epochs, 4 - i) << "goes on, does not start again";
  }
}

TEST(CheckpointTest, AStateOfAnotherTrainingOrADamagedOneIsNotUsed) {
  std::vector<std::string> saved, ignored;
  std::size_t epochs = 0;
  const std::string expected = train(small_job(5), "", saved, epochs);
  train(small_job(6), "", saved, epochs);
  for (const std::string& state : {saved.back(), saved.front().substr(0, saved.front().size() / 2)}) {
    epochs = 0;
    EXPECT_TRUE(train(small_job(5), state, ignored, epochs) == expected);
    EXPECT_EQ(epochs, 5u);
  }
}

}  // namespace
}  // namespace mop::train
