#include "mop/app/bot_line.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/line_process.h"

namespace mop::app {
namespace {

std::int64_t number_member(const boost::json::object& object, std::string_view key) {
  const boost::json::value* v = object.if_contains(key);
  return v != nullptr && v->is_int64() ? v->get_int64() : 0;
}

}  // namespace

Result<BotLine> parse_bot_line(std::string_view text) {
  MOP_TRY_ASSIGN(const boost::json::object object, parse_edge_line(text, kBotEdge));
  BotLine line;
  if (const boost::json::object* ready = object_member(object, "ready")) {
    line.kind = BotLine::Kind::kReady;
    line.text = text_member(*ready, "user");
    line.guilds = number_member(*ready, "guilds");
  } else if (const boost::json::object* tick = object_member(object, "tick")) {
    line.answered = number_member(*tick, "answered");
    line.delivered = number_member(*tick, "delivered");
  } else {
    line.kind = BotLine::Kind::kTrouble;
    line.text = text_member(object, "trouble");
    if (line.text.empty())
      return fail(ErrorCode::kCorrupt,
                  fmt::format("{} sent no line of its own: {}", kBotEdge, text.substr(0, 80)));
  }
  return line;
}

}  // namespace mop::app
