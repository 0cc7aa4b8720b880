#include "mop/app/model_watch.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace mop::app {
namespace {

constexpr std::int64_t kSettled = ModelWatch::kSettledAfterUs;

TEST(ModelWatchTest, TellsOnceWhenFilesHaveStoodStill) {
  const std::string directory = testing::TempDir() + "mop_model_watch";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(directory + "/" + name) << text;
  };
  write("BTCUSDT_1h.safetensors", "a");
  ModelWatch watch(directory);
  EXPECT_FALSE(watch.changed(kSettled));
  write("canaries.json", "not a model");
  write("BTCUSDT_1h.safetensors", "longer");
  EXPECT_FALSE(watch.changed(2 * kSettled));  // sees it for the first time
  EXPECT_FALSE(watch.changed(3 * kSettled - 1));
  write("ETHUSDT_1h.safetensors", "another one, while the first settled");
  EXPECT_FALSE(watch.changed(3 * kSettled));
  EXPECT_TRUE(watch.changed(4 * kSettled));
  EXPECT_FALSE(watch.changed(5 * kSettled));
  EXPECT_FALSE(watch.changed_now());
  write("SOLUSDT_1h.safetensors", "asked for at once");
  EXPECT_TRUE(watch.changed_now());
  EXPECT_FALSE(watch.changed(5 * kSettled + 1));
  std::filesystem::remove_all(directory);
  EXPECT_FALSE(watch.changed(6 * kSettled));
  EXPECT_TRUE(watch.changed(7 * kSettled));
}

}  // namespace
}  // namespace mop::app
