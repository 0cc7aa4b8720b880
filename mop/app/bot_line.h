// What the bot (edges/discord/bot.mjs) says to `mop bot`.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "mop/base/result.h"

namespace mop::app {

inline constexpr const char* kBotEdge = "the Discord bot";  // in messages

struct BotLine {
  enum class Kind { kReady, kTick, kTrouble };
  Kind kind = Kind::kTick;
  std::string text;                          // of kReady: the bot's name; of kTrouble: what went wrong
  std::int64_t guilds = 0;                   // of kReady
  std::int64_t answered = 0, delivered = 0;  // of kTick, since the start
};

/// Errors: kCorrupt; what ended the bot, with its code.
Result<BotLine> parse_bot_line(std::string_view text);

}  // namespace mop::app
