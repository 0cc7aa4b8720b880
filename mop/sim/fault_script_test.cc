#include "mop/sim/fault_script.h"

#include <gtest/gtest.h>

namespace mop::sim {
namespace {

constexpr const char* kKlines = "/api/v3/klines?symbol=BTCUSDT&interval=1h";

FaultScript script(std::string_view text, std::uint64_t seed = 1) {
  auto faults = FaultScript::parse(text);
  EXPECT_TRUE(faults.has_value()) << faults.error().message;
  return FaultScript(faults.value_or(std::vector<Fault>{}), seed);
}

std::string struck(FaultScript& faults, int requests, std::string_view target = kKlines) {
  std::string pattern;
  for (int i = 0; i < requests; ++i)
    pattern += faults.draw(target).empty() ? '.' : 'x';
  return pattern;
}

TEST(FaultScriptTest, PatternsHaveStars) {
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("/api/*", kKlines));
  EXPECT_TRUE(matches("*symbol=BTC*1h", kKlines));
  EXPECT_TRUE(matches("*a*b*c", "xxaxxbxabc"));
  EXPECT_FALSE(matches("/api/v3/klines", kKlines));
  EXPECT_FALSE(matches("*ETH*", kKlines));
  EXPECT_FALSE(matches("", "a"));
}

TEST(FaultScriptTest, CountsOnlyRequestsThatMatch) {
  FaultScript faults = script(R"({"do":"reset","path":"/api/v3/klines*","first":2,"every":3,"count":2})");
  EXPECT_TRUE(faults.draw("/api/v3/time").empty());
  EXPECT_EQ(struck(faults, 10), ".x..x.....");
  EXPECT_EQ(faults.strikes(), (std::vector<std::int64_t>{2}));
}

TEST(FaultScriptTest, AProbabilityIsDrawnBySeedAndTargetNotByArrival) {
  const char* text = R"({"do":"reset","probability":0.3})";
  FaultScript a = script(text, 7), b = script(text, 7), c = script(text, 8);
  const std::string first = struck(a, 200);
  (void)struck(b, 50, "/api/v3/time");
  EXPECT_EQ(struck(b, 200), first) << "other requests change nothing";
  EXPECT_NE(struck(c, 200), first);
  const auto hits = std::count(first.begin(), first.end(), 'x');
  EXPECT_GT(hits, 40);
  EXPECT_LT(hits, 80);
}

TEST(FaultScriptTest, SkipsCommentsAndReadsDates) {
  const auto faults = FaultScript::parse(
      "# a hole\n\n"
      "{\"do\":\"gap\",\"symbol\":\"BTCUSDT\",\"from\":\"2025-01-01\",\"until\":1735693200000}\r\n");
  ASSERT_TRUE(faults.has_value()) << faults.error().message;
  ASSERT_EQ(faults->size(), 1u);
  EXPECT_EQ((*faults)[0].from, 1'735'689'600'000);
  EXPECT_EQ((*faults)[0].until, 1'735'693'200'000);
}

TEST(FaultScriptTest, WrongLinesAreNamedWithTheirNumber) {
  for (const char* bad :
       {R"({"do":"explode"})", R"({"path":"*"})", R"({"do":"latency"})", R"({"do":"latency","ms":-1})",
        R"({"do":"status","status":200})", R"({"do":"slow"})", R"({"do":"reset","first":0})",
        R"({"do":"reset","probability":1.5})", R"({"do":"reset","colour":"red"})", R"({"do":"gap"})",
        R"({"do":"gap","from":"yesterday"})", R"({"do":"listing","symbol":"BTCUSDT"})", "[]", "{"}) {
    const auto faults = FaultScript::parse(std::string("\n") + bad);
    ASSERT_FALSE(faults.has_value()) << bad;
    EXPECT_EQ(faults.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(faults.error().message.find("line 2"), std::string::npos) << faults.error().message;
  }
}

TEST(FaultScriptTest, ErrorAnswersLookLikeTheRealOnes) {
  Fault fault;
  fault.kind = FaultKind::kStatus;
  fault.status = 418;
  fault.retry_after = 120;
  const ApiReply banned = fault_reply(fault, 1'000'000);
  EXPECT_EQ(banned.headers.at("Retry-After"), "120");
  EXPECT_NE(banned.body.find("IP banned until 1120000"), std::string::npos);
  fault = {};
  fault.status = 403;
  EXPECT_EQ(fault_reply(fault, 0).headers.at("Content-Type"), "text/html");
  fault.status = 451;
  EXPECT_NE(fault_reply(fault, 0).body.find("\"code\":0"), std::string::npos);
  fault.status = 503;
  fault.body = "busy";
  EXPECT_EQ(fault_reply(fault, 0).body, "busy");
}

}  // namespace
}  // namespace mop::sim
