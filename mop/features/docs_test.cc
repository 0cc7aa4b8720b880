// docs/indicators.md is what the program writes: `mop features --list --markdown > docs/indicators.md`.
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "mop/features/indicators_page.h"

namespace mop::features {
namespace {

TEST(IndicatorDocsTest, ThePageIsWhatTheRegistrySays) {
  std::ifstream file(MOP_SOURCE_DIR "/docs/indicators.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), indicators_page()) << "run `mop features --list --markdown > docs/indicators.md`";
}

}  // namespace
}  // namespace mop::features
