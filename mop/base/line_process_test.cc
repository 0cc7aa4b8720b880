#include "mop/base/line_process.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace mop {
namespace {

class LineProcessTest : public testing::Test {
 protected:
  ~LineProcessTest() override { std::filesystem::remove(script_); }
  LineProcess start(const std::string& says) {
    std::ofstream(script_) << says;
    auto process = LineProcess::start("sh", script_, "a test");
    EXPECT_TRUE(process.has_value());
    return std::move(*process);
  }

  std::string script_ = testing::TempDir() + "mop_lines_" +
                        testing::UnitTest::GetInstance()->current_test_info()->name() + ".sh";
};

TEST_F(LineProcessTest, ReadsOneTextAndAnswersInLines) {
  LineProcess process = start("head -2; printf 'a b\\n\\nlast'");
  process.send("one\ntwo\n");
  for (const char* expected : {"one", "two", "a b", ""}) {
    const auto line = process.line(kMinute);
    ASSERT_TRUE(line.has_value()) << line.error().message;
    EXPECT_EQ(*line, expected);
  }
  const auto torn = process.line(kMinute);
  ASSERT_FALSE(torn.has_value()) << "a line without its end is none";
  EXPECT_EQ(torn.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(torn.error().message, "a test ended before it was done; its reason is on standard error");
}

TEST_F(LineProcessTest, OneThatSaysNothingIsGivenUp) {
  LineProcess process = start("read forever");
  const auto line = process.line(1);
  ASSERT_FALSE(line.has_value());
  EXPECT_EQ(line.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(line.error().message.find("said nothing for"), std::string::npos) << line.error().message;
}

TEST_F(LineProcessTest, OneThatIsGoneBeforeItWasToldDoesNotEndThisProgram) {
  LineProcess process = start("exec <&-; echo gone");
  ASSERT_TRUE(process.line(kMinute).has_value());
  process.send(std::string(1 << 20, 'x'));
}

TEST_F(LineProcessTest, AnEndlessLineIsNotKept) {
  LineProcess process = start("yes | tr -d '\\n'");
  const auto line = process.line(kMinute);
  ASSERT_FALSE(line.has_value());
  EXPECT_EQ(line.error().code, ErrorCode::kCorrupt);
}

TEST_F(LineProcessTest, AnEdgeIsFoundWhereItsVariablePoints) {
  const std::string edges = testing::TempDir() + "mop_edges";
  std::filesystem::create_directories(edges + "/some");
  std::ofstream(edges + "/some/edge.mjs") << "";
  ::setenv("MOP_EDGES", edges.c_str(), 1);
  EXPECT_EQ(find_edge("some/edge.mjs").value_or(""), edges + "/some/edge.mjs");
  const auto none = find_edge("no/such.mjs");
  ::unsetenv("MOP_EDGES");
  std::filesystem::remove_all(edges);
  ASSERT_FALSE(none.has_value());
  EXPECT_NE(none.error().message.find("set MOP_EDGES"), std::string::npos) << none.error().message;
}

}  // namespace
}  // namespace mop
