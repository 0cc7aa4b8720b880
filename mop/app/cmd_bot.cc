// `mop bot`: the Discord bot in front of a running `mop serve`, a Node.js process (edges/discord/bot.mjs)
// that this one gives its secrets and watches.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/bot_line.h"
#include "mop/app/command.h"
#include "mop/app/secrets.h"
#include "mop/base/json.h"
#include "mop/base/line_process.h"
#include "mop/base/log.h"
#include "mop/exchange/hosts.h"

namespace mop::app {
namespace {

constexpr DurationMillis kSilence = 3 * kMinute;  // it gives a sign of life every half minute

struct BotFlags {
  std::string api, guild, channel, discord_url;
};

Result<void> check_id(const char* flag, const std::string& text) {
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || (digits && text.size() >= 15 && text.size() <= 20)) return {};
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("{} must be an id of Discord's, 15 to 20 digits (Developer Mode, then Copy ID), was {}",
                  flag, text));
}

// A token must not leave this machine in the clear.
Result<void> check_url(const char* flag, const std::string& url) {
  if (exchange::may_carry_secrets(url)) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} must begin with https:// (http:// only on this machine), was {}", flag, url));
}

// What listens on every address is reached over loopback.
std::string own_address(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  const bool everywhere = listen.starts_with("0.0.0.0:") || listen.starts_with("[::]:");
  return "http://" + (everywhere ? "127.0.0.1" + listen.substr(colon) : listen);
}

Result<std::string> request_of(const Context& ctx, const BotFlags& flags) {
  if (ctx.flags.offline) {
    return fail(ErrorCode::kInvalidArgument,
                "a bot needs the network and --offline forbids it; leave --offline out");
  }
  MOP_TRY(check_id("--guild", flags.guild));
  MOP_TRY(check_id("--channel", flags.channel));
  const std::string api = flags.api.empty() ? own_address(ctx.settings.serve.listen) : flags.api;
  MOP_TRY(check_url("--api", api));
  if (!flags.discord_url.empty()) MOP_TRY(check_url("--discord-url", flags.discord_url));
  MOP_TRY_ASSIGN(const std::string token, secret(ctx.fs, "DISCORD_BOT_TOKEN"));
  if (token.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "the bot's token must be in DISCORD_BOT_TOKEN (or .env); "
                "https://discord.com/developers/applications makes one");
  }
  MOP_TRY_ASSIGN(const std::string api_token, secret(ctx.fs, "MOP_API_TOKEN"));
  return to_json_text(boost::json::object{{"token", token},
                                          {"api", api},
                                          {"api_token", api_token},
                                          {"guild", flags.guild},
                                          {"channel", flags.channel},
                                          {"discord", flags.discord_url}}) +
         "\n";
}

Result<Exit> run_bot(Context& ctx, const BotFlags& flags) {
  MOP_TRY_ASSIGN(const std::string request, request_of(ctx, flags));
  MOP_TRY_ASSIGN(const std::string script, find_edge("discord/bot.mjs"));
  MOP_TRY_ASSIGN(LineProcess edge, LineProcess::start("node", script, kBotEdge));
  edge.send(request);
  while (true) {
    const auto text = edge.line(kSilence);
    if (!text && text.error().code == ErrorCode::kInterrupted) return Exit::kDone;  // how a bot is ended
    if (!text) return fail(text.error());
    MOP_TRY_ASSIGN(const BotLine line, parse_bot_line(*text));
    switch (line.kind) {
      case BotLine::Kind::kReady: {
        const std::string servers = fmt::format("{} server{}", line.guilds, line.guilds == 1 ? "" : "s");
        ctx.say(fmt::format("{} answers in {}; Ctrl-C ends it", line.text, servers));
        log_info(fmt::format("ready as {} in {}", line.text, servers));
        break;
      }
      case BotLine::Kind::kTick:
        log_info(fmt::format("answered={} delivered={}", line.answered, line.delivered));
        break;
      case BotLine::Kind::kTrouble:
        ctx.warn(line.text);
        break;
    }
  }
}

}  // namespace

void add_bot(CLI::App& cli, Context& ctx) {
  auto flags = std::make_shared<BotFlags>();
  CLI::App* verb = cli.add_subcommand("bot", "Answer and alert in Discord, beside a running `mop serve`");
  verb->footer(
      "Example: mop bot --channel 123456789012345678\n"
      "Commands: /forecast, /scores, /status, /alert add, list and remove. An alert is told in the channel "
      "it was made "
      "in;\n"
      "each once, whatever is killed in between. Needs DISCORD_BOT_TOKEN (and MOP_API_TOKEN when serve has "
      "one) in the\n"
      "environment or .env, Node.js 20 and `npm ci --prefix edges`. Invite the bot with the scopes bot and\n"
      "applications.commands; it asks for no privileged intent. docs/bot.md says more.");
  verb->add_option("--api", flags->api, "Address of `mop serve` [its `listen` in mop.toml]")
      ->type_name("URL");
  verb->add_option("--guild", flags->guild,
                   "Register the commands in this server only, where they are there at once")
      ->type_name("ID");
  verb->add_option("--channel", flags->channel, "Tell alerts here that were not made in Discord")
      ->type_name("ID");
  verb->add_option("--discord-url", flags->discord_url, "Address of Discord's API [Discord's own]")
      ->type_name("URL");
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, flags] { return run_bot(ctx, *flags); });
}

}  // namespace mop::app
