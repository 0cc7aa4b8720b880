#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "mop/app/settings.h"

namespace mop::app {
namespace {

std::string shipped_settings() {
  std::ifstream in(std::string(MOP_SOURCE_DIR) + "/mop.toml");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void expect_equal(const train::Profile& a, const train::Profile& b) {
  EXPECT_EQ(a.hidden, b.hidden);
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.dropout, b.dropout);
  EXPECT_EQ(a.learning_rate, b.learning_rate);
  EXPECT_EQ(a.weight_decay, b.weight_decay);
  EXPECT_EQ(a.gradient_clip, b.gradient_clip);
  EXPECT_EQ(a.batch_size, b.batch_size);
  EXPECT_EQ(a.epochs, b.epochs);
  EXPECT_EQ(a.patience, b.patience);
  EXPECT_EQ(a.lookback, b.lookback);
  EXPECT_EQ(a.horizon, b.horizon);
}

// mop.toml documents the defaults, so it must state them.
TEST(SettingsTest, TheShippedFileStatesTheDefaults) {
  const auto shipped = parse_settings(shipped_settings(), "mop.toml");
  ASSERT_TRUE(shipped.has_value()) << shipped.error().message;
  const Settings defaults;
  EXPECT_EQ(shipped->symbols, defaults.symbols);
  EXPECT_EQ(shipped->timeframes, defaults.timeframes);
  EXPECT_EQ(shipped->data_dir, defaults.data_dir);
  EXPECT_EQ(shipped->models_dir, defaults.models_dir);
  EXPECT_EQ(shipped->base_url, defaults.base_url);
  EXPECT_EQ(shipped->history_limit, defaults.history_limit);
  EXPECT_EQ(shipped->weight_share, defaults.weight_share);
  EXPECT_EQ(shipped->seed, defaults.seed);
  EXPECT_EQ(shipped->device, defaults.device);
  EXPECT_EQ(shipped->serve, defaults.serve);
  expect_equal(shipped->v1, defaults.v1);
  expect_equal(shipped->standard, defaults.standard);
}

TEST(SettingsTest, TheServeSectionIsReadAndHeldToItsRules) {
  const auto good = parse_settings(
      "[serve]\nlisten = \"[::1]:9000\"\ndb = \"a.db\"\nrequests_per_s = 5\nburst = 10\nexpires_after_days = "
      "30.5\nretrain_after_days = 14\nretrain_on_drift = true\n",
      "a.toml");
  ASSERT_TRUE(good.has_value()) << good.error().message;
  EXPECT_EQ(good->serve, (ServeSettings{"[::1]:9000", "a.db", 5, 10, 30.5, 14, true}));
  const auto says = [](const std::string& line, std::string_view what) {
    const auto bad = parse_settings("[serve]\n" + line, "a.toml");
    ASSERT_FALSE(bad.has_value()) << line;
    EXPECT_NE(bad.error().message.find(what), std::string::npos) << bad.error().message;
  };
  says("burst = 0", "a.toml:2: serve.burst must be a number 1..1000000, was 0");
  says("retrain_on_drift = 1", "serve.retrain_on_drift must be true or false, was 1");
  says("retrain_after_days = \"off\"", "serve.retrain_after_days must be a number 0..36500, was 'off'");
  says("port = 1", "unknown key 'port' in [serve]");
}

// Every key either changes while it serves or is named as one that does not: none is silently ignored.
TEST(SettingsTest, TakingOverNamesEveryKeyThatDiffers) {
  Settings running;
  Settings fresh;
  fresh.symbols = "@major";
  fresh.timeframes = "1h";
  fresh.data_dir = fresh.models_dir = fresh.base_url = fresh.serve.listen = fresh.serve.db = "elsewhere";
  fresh.history_limit = 7;
  fresh.weight_share = 0.5;
  fresh.threads = 3;
  Settings may_change = running;
  may_change.seed = fresh.seed = 9;
  may_change.device = fresh.device = "cpu";
  may_change.serve.requests_per_s = fresh.serve.requests_per_s = 1;
  may_change.serve.burst = fresh.serve.burst = 2;
  may_change.serve.expires_after_days = fresh.serve.expires_after_days = 3;
  may_change.serve.retrain_after_days = fresh.serve.retrain_after_days = 4;
  may_change.serve.retrain_on_drift = fresh.serve.retrain_on_drift = true;
  may_change.v1.hidden = fresh.v1.hidden = 5;
  may_change.standard.hidden = fresh.standard.hidden = 6;
  const SettingsChange change = take_over(fresh, running);
  EXPECT_TRUE(running == may_change);
  EXPECT_EQ(change.applied.size(), 9u);
  EXPECT_EQ(change.need_restart.size(), 10u);
  const SettingsChange again = take_over(running, running);
  EXPECT_TRUE(again.applied.empty() && again.need_restart.empty());
}

// The original description's figures, kept as profile v1.
TEST(SettingsTest, V1IsTheOriginalDescription) {
  const train::Profile p = train::v1_profile();
  EXPECT_EQ(p.hidden, 64u);
  EXPECT_EQ(p.layers, 2u);
  EXPECT_EQ(p.dropout, 0.3);
  EXPECT_EQ(p.learning_rate, 0.005);
  EXPECT_EQ(p.batch_size, 64u);
  EXPECT_EQ(p.epochs, 150u);
  EXPECT_EQ(p.lookback, 60u);
  EXPECT_EQ(p.horizon, 1u);
  EXPECT_EQ(p.scored, 1u);  // one window, one target
}

}  // namespace
}  // namespace mop::app
