#include "mop/app/retrainer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/log.h"
#include "mop/evaluate/certificate.h"
#include "mop/train/model_file.h"
#include "mop/train/test_candles.h"

namespace mop::app {
namespace {

constexpr UnixMillis kTrained = 1750000000000;  // until then the models in use learnt
constexpr UnixMillis kNow = kTrained + 20 * kDay;

// A script stands for the program: it notes what it was called with and does as a test tells it.
class RetrainerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    base_ = new train::TrainedModel(train::train_first(train::small_job(train::Kind::k1h)));
    base_->certificate.clear();
    for (const std::string_view name : evaluate::kCanaryNames)
      base_->certificate.push_back({std::string(name), true, 0.0, "", 0.0});
    base_->branches[0].champion = "model";
  }
  static void TearDownTestSuite() { delete base_; }
  void SetUp() override {
    dir_ = fmt::format("{}mop_retrainer_{}_{}", testing::TempDir(), ::getpid(),
                       testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_ + "/models");
    std::filesystem::create_directories(dir_ + "/made");
    ASSERT_TRUE(log_to_file(dir_ + "/log").has_value());
    write("models/canaries.json", "{}");
    write("models/BTCUSDT_1h.safetensors", file("BTCUSDT", kTrained, 0.98));
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void write(const std::string& name, const std::string& bytes) { std::ofstream(dir_ + "/" + name) << bytes; }
  std::string read(const std::string& name) { return fs_.read(dir_ + "/" + name).value_or(""); }
  bool there(const std::string& name) { return fs_.exists(dir_ + "/" + name); }
  void program(const std::string& does) {
    write("mop", fmt::format("#!/bin/sh\ncd {}\necho \"$*\" >> calls\n{}\n", dir_, does));
    ::chmod((dir_ + "/mop").c_str(), 0755);
  }
  // A model file with this loss, EWMA's being 1, that passed every canary.
  static std::string file(const std::string& symbol, UnixMillis trained_until, double loss) {
    train::TrainedModel model = *base_;
    model.symbol = symbol;
    model.coins = {symbol};
    model.trained_until = trained_until;
    model.branches[0].validation = {trained_until - kDay, trained_until, 700, loss, 1.0, 1.0};
    return train::to_model_file(model);
  }
  Retrainer retrainer(double after_days = 14, bool on_drift = false, bool canaries = false) {
    RetrainerOptions options;
    options.program = dir_ + "/mop";
    options.models_dir = dir_ + "/models";
    options.output = dir_ + "/output";
    options.plan = [canaries] {
      return RetrainPlan{canaries ? std::vector<std::string>{"canaries"} : std::vector<std::string>{},
                         {"train", "--symbols", "all"}};
    };
    Retrainer made(fs_, std::move(options));
    made.follow({after_days, on_drift, 60 * kDay});
    return made;
  }
  // Turns until the attempt that is under way has ended.
  static void finish(Retrainer& r, UnixMillis now = kNow) {
    r.turn(now, {kTrained, {}});
    while (r.busy()) {
      ::usleep(1000);  // the other process works meanwhile
      r.turn(now, {kTrained, {}});
    }
  }
  std::string calls() { return read("calls"); }

  static train::TrainedModel* base_;
  std::string dir_;
  PosixFs fs_;
};
train::TrainedModel* RetrainerTest::base_ = nullptr;

constexpr const char* kTrains = "cp made/* models/.retrain/";

TEST_F(RetrainerTest, GoodModelsAreTakenAndTheOthersToldAndDeleted) {
  write("made/BTCUSDT_1h.safetensors", file("BTCUSDT", kNow, 0.975));
  write("made/ETHUSDT_1h.safetensors", file("ETHUSDT", kNow, 1.03));
  write("made/SOLUSDT_1h.safetensors", "cut short");
  program(kTrains);
  Retrainer r = retrainer();
  finish(r);
  EXPECT_EQ(calls(), fmt::format("train --symbols all --models-dir {}/models/.retrain --until {}\n", dir_,
                                 format_utc(kNow / kHour * kHour)));
  EXPECT_EQ(read("models/BTCUSDT_1h.safetensors"), read("made/BTCUSDT_1h.safetensors"));
  EXPECT_FALSE(there("models/ETHUSDT_1h.safetensors"));
  EXPECT_FALSE(there("models/SOLUSDT_1h.safetensors"));
  EXPECT_EQ(read("models/.retrain/canaries.json"), "{}") << "which the training puts into the models";
  for (const std::string& name : fs_.list(dir_ + "/models/.retrain"))
    EXPECT_FALSE(name.ends_with(".safetensors")) << name;
  const std::string log = read("log");
  EXPECT_NE(log.find("ETHUSDT_1h.safetensors is not used: 1h was 3.00 % worse than EWMA"), std::string::npos);
  EXPECT_NE(log.find("SOLUSDT_1h.safetensors is not used: "), std::string::npos) << log;
  EXPECT_NE(log.find("info retraining: ended, 1 models taken, 2 refused"), std::string::npos) << log;
}

TEST_F(RetrainerTest, BeginsWhenTheModelsAreOldOrOneWasDemotedAndOnceADay) {
  program("exit 0");
  Retrainer off = retrainer(0);
  off.turn(kNow, {kTrained, {{"BTCUSDT", market::Interval::k1h}}});
  EXPECT_FALSE(off.busy());
  Retrainer young = retrainer(14);
  young.turn(kTrained + 14 * kDay, {kTrained, {}});
  EXPECT_FALSE(young.busy());
  young.turn(kTrained + 14 * kDay + 1, {kTrained, {}});
  EXPECT_TRUE(young.busy());
  young.stop();
  std::filesystem::remove_all(dir_ + "/models/.retrain");

  Retrainer drift = retrainer(0, true);
  drift.turn(kNow, {kTrained, {}});
  EXPECT_FALSE(drift.busy());
  const FleetState demoted{kTrained, {{"BTCUSDT", market::Interval::k1h}}};
  drift.turn(kNow, demoted);
  EXPECT_TRUE(drift.busy());
  finish(drift);
  drift.turn(kNow + kDay - 1, demoted);
  EXPECT_FALSE(drift.busy());
  Retrainer restarted = retrainer(0, true);
  restarted.turn(kNow + kDay - 1, demoted);
  EXPECT_FALSE(restarted.busy()) << "the day goes on over a restart";
  restarted.turn(kNow + kDay, demoted);
  EXPECT_TRUE(restarted.busy());
}

TEST_F(RetrainerTest, CanariesAreRunFirstWhenThereIsNoCertificate) {
  std::filesystem::remove(dir_ + "/models/canaries.json");
  program("[ $1 = train ] || echo certified > models/canaries.json");
  Retrainer r = retrainer(14, false, true);
  finish(r);
  EXPECT_TRUE(calls().starts_with(fmt::format("canaries --models-dir {}/models\ntrain ", dir_))) << calls();
  EXPECT_EQ(read("models/.retrain/canaries.json"), "certified\n");
}

TEST_F(RetrainerTest, AFailureIsToldWithItsReasonAndTriedAgainInADay) {
  write("made/BTCUSDT_1h.safetensors", file("BTCUSDT", kNow, 0.9));
  program(fmt::format("{}; echo 'progress'; echo 'mop: out of memory' >&2; exit 1", kTrains));
  Retrainer r = retrainer();
  finish(r);
  EXPECT_NE(read("log").find("`mop train` ended with exit status 1: mop: out of memory"), std::string::npos)
      << read("log");
  EXPECT_FALSE(there("models/.retrain/BTCUSDT_1h.safetensors"));
  EXPECT_NE(read("models/BTCUSDT_1h.safetensors"), read("made/BTCUSDT_1h.safetensors"));
  r.turn(kNow + kDay - 1, {kTrained, {}});
  EXPECT_FALSE(r.busy());
  program(fmt::format("{}; exit 3", kTrains));  // some could not be trained
  finish(r, kNow + kDay);
  EXPECT_EQ(read("models/BTCUSDT_1h.safetensors"), read("made/BTCUSDT_1h.safetensors"));
}

TEST_F(RetrainerTest, StoppedItGoesOnAtTheNextStartOnTheSameCandles) {
  program("trap 'exit 130' TERM; touch models/.retrain/a.checkpoint; while :; do sleep 0.01; done");
  {
    Retrainer r = retrainer();
    r.turn(kNow, {kTrained, {}});
    while (!there("models/.retrain/a.checkpoint"))
      ::usleep(1000);
    r.turn(kNow + kHour, {kTrained, {}});  // does not wait for it
    EXPECT_TRUE(r.busy());
    r.stop();
    EXPECT_FALSE(r.busy());
  }
  program("[ -e models/.retrain/a.checkpoint ] && echo kept >> calls");
  Retrainer again = retrainer();
  finish(again, kNow + 5 * kHour);
  const std::string first = calls().substr(0, calls().find('\n'));
  EXPECT_EQ(calls(), fmt::format("{}\n{} --resume\nkept\n", first, first));
}

TEST_F(RetrainerTest, AReviewThatWasCutShortGoesOnAtTheNextStart) {
  write("made/BTCUSDT_1h.safetensors", file("BTCUSDT", kNow, 0.975));
  program(kTrains);
  {
    Retrainer r = retrainer();
    while (!there("models/.retrain/attempt.json") ||
           read("models/.retrain/attempt.json").find("true") == std::string::npos) {
      r.turn(kNow, {kTrained, {}});
      ::usleep(1000);
    }
  }
  EXPECT_NE(read("models/BTCUSDT_1h.safetensors"), read("made/BTCUSDT_1h.safetensors"));
  Retrainer again = retrainer(0);
  EXPECT_TRUE(again.busy());
  finish(again);
  EXPECT_EQ(read("models/BTCUSDT_1h.safetensors"), read("made/BTCUSDT_1h.safetensors"));
}

// Its figures on paper are worth nothing when it has failed in life.
TEST_F(RetrainerTest, AnOldModelThatWasDemotedIsReplacedByOneThatLooksWorse) {
  write("models/BTCUSDT_1h.safetensors", file("BTCUSDT", kTrained, 0.9));
  write("made/BTCUSDT_1h.safetensors", file("BTCUSDT", kNow, 0.98));
  program(kTrains);
  Retrainer r = retrainer();
  finish(r);
  EXPECT_NE(read("log").find("the model it would replace +10.00 %"), std::string::npos) << read("log");
  const FleetState demoted{kTrained, {{"BTCUSDT", market::Interval::k1h}}};
  r.turn(kNow + kDay, demoted);
  while (r.busy()) {
    ::usleep(1000);
    r.turn(kNow + kDay, demoted);
  }
  EXPECT_EQ(read("models/BTCUSDT_1h.safetensors"), read("made/BTCUSDT_1h.safetensors"));
}

}  // namespace
}  // namespace mop::app
