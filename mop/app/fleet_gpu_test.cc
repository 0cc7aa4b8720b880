// The fleet on a device, here the kernels on fibers: what `mop train` stores, and what it does when they do
// not fit.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/app/fleet.h"
#include "mop/nn/cuda/emulated_device.h"
#include "mop/train/model_file.h"
#include "mop/train/test_candles.h"

namespace mop::app {
namespace {

class FleetGpuTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fmt::format("{}mop_fleet_gpu_{}_{}", testing::TempDir(), ::getpid(),
                       testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_ + "/raw");
    store("BTCUSDT", 340, 11);
    store("ETHUSDT", 320, 12);
    ctx_.flags.quiet = true;
    ctx_.settings.models_dir = dir_ + "/models";
    options_.symbols = {*market::find_symbol("BTCUSDT"), *market::find_symbol("ETHUSDT")};
    options_.kinds = {train::Kind::k1h};
    train::Profile& p = options_.profile = train::default_profile();
    p.pooled = false;
    p.ensemble = 2;
    p.hidden = 8;
    p.least_updates = 0;
    p.epochs = 2;
    p.patience = 2;
    p.batch_size = 30;
    p.lookback = 4;
    p.scored = 3;
    p.horizon = 2;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void store(const std::string& symbol, std::size_t hours, std::uint64_t seed) {
    const market::CandleSeries s = train::swinging(market::Interval::k1h, hours, seed);
    std::ofstream file(dir_ + "/raw/" + symbol + "_1h.csv");
    file << "open_time,open,high,low,close,volume,close_time,quote_volume,trades,taker_buy_base,taker_buy_"
            "quote\n";
    for (std::size_t i = 0; i < s.size(); ++i) {
      file << fmt::format("{},{:.6f},{:.6f},{:.6f},{:.6f},{:.6f},{},,,,\n", s.open_time[i], s.open[i],
                          s.high[i], s.low[i], s.close[i], s.volume[i], s.open_time[i] + kHour - 1);
    }
  }

  std::vector<ModelOutcome> train(const std::string& models, nn::cuda::Device* device) {
    options_.models_dir = dir_ + "/" + models;
    options_.device = device;
    ctx_.settings.device = device == nullptr ? "cpu" : ctx_.settings.device;
    store::CandleStore store(dir_ + "/raw", fs_, clock_);
    const StoredCandles candles = StoredCandles::read(ctx_, store);
    auto trained = train_fleet(ctx_, candles, options_);
    EXPECT_TRUE(trained.has_value());
    return std::move(trained->models);
  }

  std::string bytes(const std::string& models, const std::string& id) {
    return fs_.read(fmt::format("{}/{}/{}.safetensors", dir_, models, id)).value_or("");
  }

  std::string dir_;
  PosixFs fs_;
  ManualClock clock_{1767225600000};
  Context ctx_{fs_, clock_, {}, {}, {}, 0};
  FleetOptions options_;
};

TEST_F(FleetGpuTest, StoresModelsLikeTheCpus) {
  const auto device = nn::cuda::emulated_device(nn::cuda::Operands::kTf32);
  const auto on_device = train("gpu", device.get());
  const auto on_cpu = train("cpu", nullptr);
  ASSERT_EQ(on_device.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(on_device[i].status, "trained") << on_device[i].error;
    EXPECT_GT(on_device[i].seconds, 0.0);
    const auto stored = train::parse_model_file(bytes("gpu", on_device[i].model->id()), "model");
    ASSERT_TRUE(stored.has_value()) << stored.error().message;
    EXPECT_EQ(stored->networks.size(), 2u);
    EXPECT_NEAR(stored->best_val_loss(), on_cpu[i].model->best_val_loss(), 1e-3);
    EXPECT_NEAR(stored->branches[0].validation.pinball, on_cpu[i].model->branches[0].validation.pinball,
                1e-3);
  }
}

TEST_F(FleetGpuTest, WhatDoesNotFitIsTrainedOnTheCpuWhereThatIsAllowed) {
  const auto device = nn::cuda::emulated_device(nn::cuda::Operands::kTf32, {.memory_bytes = 100'000});
  const auto on_device = train("gpu", device.get());
  train("cpu", nullptr);
  for (const ModelOutcome& o : on_device) {
    ASSERT_EQ(o.status, "trained") << o.error;
    EXPECT_TRUE(bytes("gpu", o.model->id()) == bytes("cpu", o.model->id()));
  }
}

TEST_F(FleetGpuTest, NothingButTheGpuMeansThat) {
  ctx_.settings.device = "cuda";
  const auto small = nn::cuda::emulated_device(nn::cuda::Operands::kTf32, {.memory_bytes = 100'000});
  for (const ModelOutcome& o : train("small", small.get())) {
    EXPECT_EQ(o.status, "failed");
    EXPECT_NE(o.error.find("--vram"), std::string::npos) << o.error;
  }
  options_.profile.hidden = 100;
  const auto device = nn::cuda::emulated_device(nn::cuda::Operands::kTf32);
  for (const ModelOutcome& o : train("wide", device.get())) {
    EXPECT_EQ(o.status, "failed");
    EXPECT_NE(o.error.find("at most 64 units"), std::string::npos) << o.error;
  }
}

TEST_F(FleetGpuTest, ALostDeviceIsToldPerModel) {
  ctx_.settings.device = "cuda";
  const auto device = nn::cuda::emulated_device(nn::cuda::Operands::kTf32, {.launches_until_lost = 20});
  for (const ModelOutcome& o : train("lost", device.get())) {
    EXPECT_EQ(o.status, "failed");
    EXPECT_NE(o.error.find("lost"), std::string::npos) << o.error;
    EXPECT_EQ(bytes("lost", train::model_id(o.symbol.name, o.kind)), "");
  }
}

}  // namespace
}  // namespace mop::app
