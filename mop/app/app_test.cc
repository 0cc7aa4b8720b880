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
  expect_equal(shipped->v1, defaults.v1);
  expect_equal(shipped->standard, defaults.standard);
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
