// The bot verb with the real program, the real API and Discord on loopback; what the bot does is tested
// beside it (edges/discord/bot.test.mjs).
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/line_process.h"
#include "process.h"

namespace mop::functional {
namespace {

const std::string kSource = MOP_SOURCE_DIR;
constexpr const char* kToken = "MTExMTEx.Fake.Token";

class BotTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(kSource + "/edges/node_modules/discord.js/package.json") &&
                std::system("command -v node >/dev/null") == 0)
        << "needs Node.js and discord.js: scripts/bootstrap.sh test, then npm ci --prefix edges";
    write_file(home_ + "/discord.mjs",
               fmt::format("import {{ startDiscord }} from '{}/tests/fakes/discord.mjs';\n"
                           "console.log((await startDiscord()).url);\n",
                           kSource));
    discord_url_ = start(discord_, "node", home_ + "/discord.mjs");
    api_url_ = start(api_, MOP_HTTP_DRIVER, home_);
    ::setenv("DISCORD_BOT_TOKEN", kToken, 1);
  }
  void TearDown() override {
    ::unsetenv("DISCORD_BOT_TOKEN");
    std::filesystem::remove_all(home_);
  }
  // What it prints first.
  static std::string start(std::unique_ptr<LineProcess>& process, const std::string& program,
                           const std::string& argument) {
    auto started = LineProcess::start(program, argument, "what a test needs");
    EXPECT_TRUE(started.has_value());
    process = std::make_unique<LineProcess>(std::move(*started));
    return process->line(kMinute).value_or("");
  }
  std::vector<std::string> bot(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"bot", "--api", api_url_, "--discord-url", discord_url_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  const std::string home_ = fresh_directory();
  std::unique_ptr<LineProcess> discord_, api_;
  std::string discord_url_, api_url_;
};

TEST_F(BotTest, SaysThatItAnswersAndEndsOnCtrlC) {
  Process process(home_, bot());
  EXPECT_EQ(process.read_out_line(), "mop answers in 1 server; Ctrl-C ends it");
  process.signal(SIGINT);
  const Finished f = process.finish();
  EXPECT_EQ(f.exit_code, 0) << f.err;
  const std::string log = read_file(home_ + "/logs/bot.log");
  EXPECT_NE(log.find("ready as mop in 1 server"), std::string::npos) << log;
  EXPECT_EQ(log.find("Fake"), std::string::npos) << "the token is in the log";
}

TEST_F(BotTest, RefusalsNameTheRemedyAndNeverTheToken) {
  struct Case {
    std::string token;
    std::vector<std::string> more;
    int exit_code;
    std::string says;
  };
  for (const auto& [token, more, exit_code, says] :
       std::vector<Case>{{"", {}, 2, "DISCORD_BOT_TOKEN"},
                         {"MTExMTEx.Fake.Wrong", {}, 1, "Discord does not accept DISCORD_BOT_TOKEN"},
                         {kToken, {"--channel", "general"}, 2, "--channel must be an id"},
                         {kToken, {"--guild", "123"}, 2, "--guild must be an id"},
                         {kToken, {"--offline"}, 2, "--offline"}}) {
    ::setenv("DISCORD_BOT_TOKEN", token.c_str(), 1);
    const Finished f = run_mop(home_, bot(more));
    EXPECT_EQ(f.exit_code, exit_code) << f.err;
    EXPECT_NE(f.err.find(says), std::string::npos) << says << ": " << f.err;
    EXPECT_EQ((f.out + f.err).find("MTEx"), std::string::npos) << f.err;
  }
  const Finished far = run_mop(home_, {"bot", "--api", "http://example.org:8080"});
  EXPECT_EQ(far.exit_code, 2);
  EXPECT_NE(far.err.find("--api must begin with https://"), std::string::npos) << far.err;
}

}  // namespace
}  // namespace mop::functional
