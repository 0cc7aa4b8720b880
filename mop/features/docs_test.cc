// docs/indicators.md has one line for each column, and it says what the registry says.
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/features/model_inputs.h"
#include "mop/features/raw_features.h"

namespace mop::features {
namespace {

std::string document() {
  std::ifstream file(MOP_SOURCE_DIR "/docs/indicators.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A bar inside a cell of a Markdown table.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

TEST(IndicatorDocsTest, DescribeEveryRawColumn) {
  const std::string text = document();
  for (const IndicatorInfo& info : raw_features()) {
    const std::string line =
        fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", info.name, info.group, info.unit, info.warmup,
                    to_string(info.stability), escaped(info.formula), info.source);
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST(IndicatorDocsTest, DescribeEveryModelInput) {
  const std::string text = document();
  const auto quarter_hours = model_inputs(market::Interval::k15m),
             hours = model_inputs(market::Interval::k1h);
  for (std::size_t f = 0; f < hours.size(); ++f) {
    const IndicatorInfo& info = hours[f];
    const std::string line =
        fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", info.name, info.group, quarter_hours[f].warmup,
                    info.warmup, to_string(info.stability), escaped(info.formula));
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace mop::features
