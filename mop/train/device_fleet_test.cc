// Training on a device, here the kernels on fibers, against train_network() on the CPU.
#include "mop/train/device_fleet.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "mop/nn/bf16.h"
#include "mop/nn/cuda/emulated_device.h"
#include "mop/train/test_candles.h"

namespace mop::train {
namespace {

using market::Interval;
using nn::cuda::emulated_device;
using nn::cuda::Operands;

constexpr std::size_t kPlenty = std::size_t{1} << 30;

// A few steps an epoch of a few candles a sequence.
TrainJob tiny_job(Kind kind, std::size_t coins = 1) {
  TrainJob job = small_job(kind);
  job.profile.least_updates = 0;
  job.profile.epochs = 2;
  job.profile.patience = 2;
  job.profile.batch_size = 30;
  job.profile.lookback = 4;
  job.profile.scored = 3;
  job.profile.horizon = 2;
  job.profile.half_life_days = 20.0;
  job.coins.clear();
  for (std::size_t c = 0; c < coins; ++c) {
    job.coins.push_back({"COIN" + std::to_string(c) + "USDT", {}});
    for (const Interval interval : intervals_of(kind)) {
      const std::size_t hours = kind == Kind::k1h ? 360 - 30 * c : 100;
      job.coins.back().series.push_back(
          swinging(interval, interval == Interval::k15m ? 4 * hours : hours, 11 + c));
      job.coins.back().series.back().symbol = job.coins.back().symbol;
    }
  }
  return job;
}

Pool pool_of(const TrainJob& job) {
  auto pool = prepare(job);
  MOP_CHECK(pool.has_value()) << pool.error().message;
  return std::move(*pool);
}

NetworkJob job_for(const Pool& pool, std::size_t number = 0) {
  return {&pool, number, [](const EpochReport&) {}, {}};
}

std::vector<Result<TrainedNetwork>> train_all(const std::vector<NetworkJob>& jobs,
                                              const nn::cuda::EmulatedLimits& limits = {},
                                              Operands operands = Operands::kTf32) {
  const auto device = emulated_device(operands, limits);
  return train_on_device(*device, jobs, plan_waves(jobs, limits.memory_bytes), [] { return false; });
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0.0, size = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / size);
}

class DeviceFleetTest : public testing::TestWithParam<Kind> {};

// The products' rounding switched off, two epochs differ by the order of additions alone.
TEST_P(DeviceFleetTest, TrainsAsTheCpuDoes) {
  const Pool pool = pool_of(tiny_job(GetParam(), 2));
  std::vector<EpochReport> on_cpu, on_device;
  NetworkJob job{&pool, 1, [&](const EpochReport& e) { on_device.push_back(e); }, {}};
  const auto results = train_all({job}, {}, Operands::kExact);
  ASSERT_TRUE(results[0].has_value()) << results[0].error().message;
  const TrainedNetwork cpu =
      train_network(pool, 1, [&](const EpochReport& e) { on_cpu.push_back(e); }).value();
  EXPECT_LT(distance(results[0]->params, cpu.params), 1e-3);
  const nn::Tensor recurrent = nn::ParamLayout(pool.shape).tensors()[1];  // weight_hh_l0
  EXPECT_TRUE(nn::are_bf16(std::span(results[0]->params).subspan(recurrent.offset, recurrent.size)));
  EXPECT_EQ(results[0]->best_epoch, cpu.best_epoch);
  ASSERT_EQ(on_device.size(), on_cpu.size());
  for (std::size_t e = 0; e < on_cpu.size(); ++e) {
    EXPECT_NEAR(on_device[e].train_loss, on_cpu[e].train_loss, 1e-5);
    EXPECT_NEAR(on_device[e].val_loss, on_cpu[e].val_loss, 1e-5);
    EXPECT_NEAR(on_device[e].member_val_losses[1], on_cpu[e].member_val_losses[1], 1e-5);
    EXPECT_EQ(on_device[e].epochs, on_cpu[e].epochs);
  }
}

// With rounded products the losses still agree to a thousandth.
TEST_P(DeviceFleetTest, RoundedProductsTrainAsWell) {
  const Pool pool = pool_of(tiny_job(GetParam()));
  const auto results = train_all({job_for(pool)});
  ASSERT_TRUE(results[0].has_value()) << results[0].error().message;
  const TrainedNetwork cpu = train_network(pool, 0, [](const EpochReport&) {}).value();
  EXPECT_NEAR(results[0]->best_val_loss, cpu.best_val_loss, 1e-3 * cpu.best_val_loss);
}

INSTANTIATE_TEST_SUITE_P(Kinds, DeviceFleetTest, testing::Values(Kind::k15m, Kind::k1h, Kind::kUnified),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

TEST(DeviceFleetTest, NeighboursAndWavesChangeNothing) {
  const Pool hours = pool_of(tiny_job(Kind::k1h)), both = pool_of(tiny_job(Kind::kUnified));
  const std::vector<NetworkJob> jobs{job_for(hours, 0), job_for(both, 0), job_for(hours, 1)};
  const DevicePlan together = plan_waves(jobs, kPlenty);
  ASSERT_EQ(together.waves.size(), 1u);
  const std::size_t largest = plan_waves(std::span(jobs).subspan(1, 1), kPlenty).waves[0].bytes;
  const DevicePlan apart = plan_waves(jobs, largest);
  ASSERT_GT(apart.waves.size(), 1u);
  for (const Wave& wave : apart.waves)
    EXPECT_LE(wave.bytes, largest);
  const auto a = train_all(jobs), b = train_all(jobs, {.memory_bytes = largest + (1 << 20)});
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    ASSERT_TRUE(a[i].has_value() && b[i].has_value());
    EXPECT_EQ(a[i]->params, b[i]->params);
  }
  EXPECT_NE(a[0]->params, a[2]->params);
}

TEST(DeviceFleetTest, WhatDoesNotFitIsToldAndTheRestIsTrained) {
  const Pool hours = pool_of(tiny_job(Kind::k1h)), both = pool_of(tiny_job(Kind::kUnified));
  const std::vector<NetworkJob> jobs{job_for(both), job_for(hours)};
  const std::size_t enough = plan_waves(std::span(jobs).subspan(1, 1), kPlenty).waves[0].bytes;
  const auto results = train_all(jobs, {.memory_bytes = enough + 100'000});
  ASSERT_FALSE(results[0].has_value());
  EXPECT_EQ(results[0].error().code, ErrorCode::kUnsupported);
  EXPECT_NE(results[0].error().message.find("--vram"), std::string::npos) << results[0].error().message;
  EXPECT_TRUE(results[1].has_value());
}

TEST(DeviceFleetTest, ANetworkTooLargeForTheKernelsIsRefused) {
  TrainJob job = tiny_job(Kind::k1h);
  job.profile.hidden = 65;
  const auto refused = check_device_can_train(pool_of(job));
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("at most 64 units"), std::string::npos) << refused.error().message;
}

TEST(DeviceFleetTest, AnInterruptedTrainingGoesOnToTheSameBytes) {
  const Pool pool = pool_of(tiny_job(Kind::k1h));
  const auto expected = train_all({job_for(pool)});
  std::string saved;
  const CheckpointStore store{.load = [&] { return saved; },
                              .save = [&](std::string_view bytes) -> Result<void> {
                                saved = bytes;
                                return {};
                              },
                              .due = [] { return false; }};
  bool stop = false;
  const std::vector<NetworkJob> stopped{{&pool, 0, [&](const EpochReport&) { stop = true; }, store}};
  const auto device = emulated_device(Operands::kTf32);
  const auto first = train_on_device(*device, stopped, plan_waves(stopped, kPlenty), [&] { return stop; });
  ASSERT_FALSE(first[0].has_value());
  EXPECT_EQ(first[0].error().code, ErrorCode::kInterrupted);
  ASSERT_FALSE(saved.empty());
  std::size_t epochs = 0;
  const auto second = train_all({{&pool, 0, [&](const EpochReport&) { ++epochs; }, store}});
  ASSERT_TRUE(second[0].has_value());
  EXPECT_EQ(epochs, 1u) << "goes on, does not start again";
  EXPECT_EQ(second[0]->params, expected[0]->params);
}

TEST(DeviceFleetTest, ALostDeviceKeepsFinishedWaves) {
  const Pool hours = pool_of(tiny_job(Kind::k1h));
  const std::vector<NetworkJob> jobs{job_for(hours, 0), job_for(hours, 1)};
  const std::size_t one = plan_waves(std::span(jobs).first(1), kPlenty).waves[0].bytes;
  const DevicePlan plan = plan_waves(jobs, one);
  ASSERT_EQ(plan.waves.size(), 2u);
  // Of some 70 launches a wave: in the second one.
  const auto device = emulated_device(Operands::kTf32, {.launches_until_lost = 100});
  const auto results = train_on_device(*device, jobs, plan, [] { return false; });
  ASSERT_TRUE(results[0].has_value()) << results[0].error().message;
  ASSERT_FALSE(results[1].has_value());
  EXPECT_EQ(results[1].error().code, ErrorCode::kDeviceLost);
}

// Ten trainings each way: what the device changes is small beside what another seed changes.
TEST(GpuTrainingTest, ValidationLossesDifferLessThanSeedsDo) {
  auto gpu = nn::cuda::open_gpu();
  if (!gpu) GTEST_SKIP() << gpu.error().message;
  TrainJob job = small_job(Kind::k1h);
  job.profile.epochs = 20;
  job.profile.least_updates = 0;
  const Pool pool = pool_of(job);
  constexpr std::size_t kSeeds = 10;
  std::vector<NetworkJob> jobs;
  for (std::size_t number = 0; number < kSeeds; ++number)
    jobs.push_back(job_for(pool, number));
  const auto on_gpu = train_on_device(**gpu, jobs, plan_waves(jobs, kPlenty), [] { return false; });
  double sum = 0.0, squares = 0.0, difference = 0.0;
  for (std::size_t number = 0; number < kSeeds; ++number) {
    ASSERT_TRUE(on_gpu[number].has_value()) << on_gpu[number].error().message;
    const double cpu = train_network(pool, number, [](const EpochReport&) {}).value().best_val_loss;
    sum += cpu;
    squares += cpu * cpu;
    difference += (on_gpu[number]->best_val_loss - cpu) / kSeeds;
  }
  const double mean = sum / kSeeds, sd = std::sqrt((squares / kSeeds - mean * mean) * kSeeds / (kSeeds - 1));
  EXPECT_LT(std::abs(difference), sd / std::sqrt(static_cast<double>(kSeeds)));
}

}  // namespace
}  // namespace mop::train
