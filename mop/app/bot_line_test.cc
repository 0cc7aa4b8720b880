#include "mop/app/bot_line.h"

#include <gtest/gtest.h>

namespace mop::app {
namespace {

TEST(BotLineTest, ReadsWhatTheBotSays) {
  const auto ready = parse_bot_line(R"({"ready":{"user":"mop","guilds":3}})");
  ASSERT_TRUE(ready.has_value());
  EXPECT_EQ(ready->kind, BotLine::Kind::kReady);
  EXPECT_EQ(ready->text, "mop");
  EXPECT_EQ(ready->guilds, 3);
  const auto tick = parse_bot_line(R"({"tick":{"answered":5,"delivered":7}})");
  ASSERT_TRUE(tick.has_value());
  EXPECT_EQ(tick->answered + tick->delivered, 12);
  const auto trouble = parse_bot_line(R"({"trouble":"channel 1: gone"})");
  ASSERT_TRUE(trouble.has_value());
  EXPECT_EQ(trouble->kind, BotLine::Kind::kTrouble);
  EXPECT_EQ(trouble->text, "channel 1: gone");
}

TEST(BotLineTest, WhatEndedItKeepsItsKindAndNonsenseIsCorrupt) {
  const auto ended = parse_bot_line(R"({"error":{"kind":"refused","message":"no such token"}})");
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().code, ErrorCode::kRefused);
  EXPECT_EQ(ended.error().message, "no such token");
  for (const char* wrong : {"", "x", "[]", "{}", R"({"trouble":7})"}) {
    const auto line = parse_bot_line(wrong);
    ASSERT_FALSE(line.has_value()) << wrong;
    EXPECT_EQ(line.error().code, ErrorCode::kCorrupt) << wrong;
  }
}

}  // namespace
}  // namespace mop::app
