// publish and pull with the real program and the Hub's official client, against a Hub on loopback.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/line_process.h"
#include "process.h"

namespace mop::functional {
namespace {

namespace bj = boost::json;
using Arguments = std::vector<std::string>;

const std::string kSource = MOP_SOURCE_DIR;

// Models of two coins, trained once.
class PublishPullTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!client_is_there()) return;
    home_ = testing::TempDir() + "mop_hub_" + std::to_string(::getpid());
    std::filesystem::create_directories(home_);
    write_file(home_ + "/mop.toml",
               "[default]\nhidden_size = 16\nnum_layers = 1\nensemble = 1\nepochs = 1\nleast_updates = 50\n"
               "lookback = 24\n");
    Process sim(home_, {"sim", "--port", "0", "--seed", "7", "--now", "2025-06-01"});
    const std::string url = sim.read_out_line();
    const Arguments coins{"--symbols", "BTCUSDT,ETHUSDT", "--timeframes", "1h"};
    EXPECT_EQ(run({"fetch", coins[0], coins[1], coins[2], coins[3], "--limit", "1600", "--base-url", url})
                  .exit_code,
              0);
    trained_ = run({"train", "--kinds", "1h", coins[0], coins[1], "--json"});
    EXPECT_EQ(trained_.exit_code, 0) << trained_.err;
    EXPECT_EQ(
        run({"train", "--kinds", "1h", coins[0], coins[1], "--until", "2025-05-20", "--models-dir", "older"})
            .exit_code,
        0);
  }
  static void TearDownTestSuite() {
    if (!home_.empty()) std::filesystem::remove_all(home_);
  }
  void SetUp() override {
    ASSERT_TRUE(client_is_there())
        << "needs Node.js and the Hub's client: scripts/bootstrap.sh test, then npm ci --prefix edges";
    ::setenv("HF_TOKEN", "hf_write", 1);
    hub_with("{}");
  }
  void TearDown() override {
    ::unsetenv("HF_TOKEN");
    if (!home_.empty()) std::filesystem::remove_all(home_ + "/pulled");
  }

  static bool client_is_there() {
    return std::filesystem::exists(kSource + "/edges/node_modules/@huggingface/hub/package.json") &&
           std::system("command -v node >/dev/null") == 0;
  }
  void hub_with(const std::string& options) {
    // A script that says how it wants to be started.
    const std::string script = home_ + "/hub.mjs";
    write_file(script, fmt::format("import {{ startHub }} from '{}/tests/fakes/hugging_face_hub.mjs';\n"
                                   "console.log((await startHub({})).url);\n",
                                   kSource, options));
    auto started = LineProcess::start("node", script, "the hub");
    ASSERT_TRUE(started.has_value());
    hub_ = std::make_unique<LineProcess>(std::move(*started));
    const auto url = hub_->line(kMinute);
    ASSERT_TRUE(url.has_value()) << url.error().message;
    url_ = *url;
  }
  static Finished run(const Arguments& arguments) { return run_mop(home_, arguments); }
  Finished publish(const Arguments& more = {}) { return on_hub("publish", more); }
  Finished pull(const Arguments& more = {}) {
    Arguments arguments{"--models-dir", "pulled"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return on_hub("pull", arguments);
  }
  Finished on_hub(const std::string& verb, const Arguments& more) {
    Arguments arguments{verb, "--repo", "acme/mop", "--hub-url", url_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  // What the official client prints; `script` finds it as `hub`, and the way to the repository as `at`.
  std::string client(const std::string& script) {
    write_file(home_ + "/client.mjs",
               fmt::format("import * as hub from '{}/edges/node_modules/@huggingface/hub/dist/index.mjs';\n"
                           "const at = {{ repo: 'acme/mop', hubUrl: '{}', accessToken: 'hf_write' }};\n{}",
                           kSource, url_, script));
    auto process = LineProcess::start("node", home_ + "/client.mjs", "the client");
    const auto line = process->line(kMinute);
    EXPECT_TRUE(line.has_value()) << line.error().message;
    return line.value_or("");
  }
  static bj::value json_of(const Finished& f) {
    auto parsed = parse_json(f.out, "standard output");
    EXPECT_TRUE(parsed.has_value()) << f.out << f.err;
    return parsed ? *parsed : bj::value{};
  }
  static std::string status_of(const bj::value& reply, std::string_view path) {
    for (const bj::value& file : reply.at("files").as_array())
      if (file.at("path") == bj::value(path)) return std::string(file.at("status").as_string());
    return "not there";
  }

  static std::string home_;
  static Finished trained_;
  std::unique_ptr<LineProcess> hub_;
  std::string url_;
};

std::string PublishPullTest::home_;
Finished PublishPullTest::trained_;

TEST_F(PublishPullTest, WhatIsPublishedComesBackByteForByteAndForecasts) {
  const Finished first = publish({"--json"});
  ASSERT_EQ(first.exit_code, 0) << first.out << first.err;
  const bj::value published = json_of(first);
  EXPECT_EQ(status_of(published, "BTCUSDT_1h.safetensors"), "uploaded");
  EXPECT_EQ(status_of(published, "README.md"), "uploaded");
  EXPECT_EQ(published.at("commit").as_string().size(), 40u);

  const Finished second = pull();
  ASSERT_EQ(second.exit_code, 0) << second.out << second.err;
  EXPECT_NE(second.out.find("2 models pulled into pulled, 0 already there"), std::string::npos) << second.out;
  for (const char* name : {"/BTCUSDT_1h.safetensors", "/ETHUSDT_1h.safetensors"})
    EXPECT_EQ(read_file(home_ + "/pulled" + name), read_file(home_ + "/models" + name));
  EXPECT_FALSE(std::filesystem::exists(home_ + "/pulled/.pull"));
  const Finished forecast = run({"predict", "BTCUSDT", "--timeframe", "1h", "--models-dir", "pulled"});
  EXPECT_EQ(forecast.exit_code, 0) << forecast.err;

  EXPECT_EQ(status_of(json_of(publish({"--json"})), "README.md"), "unchanged") << "no clock is on the page";
  const bj::value again = json_of(pull({"--json"}));
  EXPECT_EQ(status_of(again, "ETHUSDT_1h.safetensors"), "unchanged");
  EXPECT_EQ(again.at("commit"), published.at("commit"));
  EXPECT_EQ(again.at("missing").as_array().size(), 73u);
}

TEST_F(PublishPullTest, TheOfficialClientReadsTheModelFileAsTheHubDoes) {
  ASSERT_EQ(publish().exit_code, 0);
  const std::string said = client(
      "const { header, parameterCount } = await hub.parseSafetensorsMetadata({ ...at, path: "
      "'BTCUSDT_1h.safetensors', computeParametersCount: true });\n"
      "console.log(JSON.stringify([parameterCount, Object.keys(header).length]));\n");
  const bj::value trained = json_of(trained_);
  EXPECT_EQ(said, fmt::format("[{{\"F32\":{}}},7]", trained.at("models").at(0).at("params").as_int64()));
}

TEST_F(PublishPullTest, ADryRunShowsThePageAndMakesNothing) {
  const Finished dry = publish({"--dry-run"});
  ASSERT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_NE(dry.out.find("would upload ETHUSDT_1h.safetensors"), std::string::npos) << dry.out;
  EXPECT_NE(dry.out.find("| BTCUSDT_1h | 1h |"), std::string::npos) << dry.out;
  const Finished none = pull();
  EXPECT_EQ(none.exit_code, 1) << "there must be no repository";
  EXPECT_NE(none.err.find("acme/mop"), std::string::npos) << none.err;
}

TEST_F(PublishPullTest, AnOlderModelIsNotTakenUnlessItIsForced) {
  ASSERT_EQ(publish({"--models-dir", "older"}).exit_code, 0);
  std::filesystem::copy(home_ + "/models", home_ + "/pulled");
  std::filesystem::remove(home_ + "/pulled/ETHUSDT_1h.safetensors");
  const Finished kept = pull({"--json"});
  EXPECT_EQ(kept.exit_code, 3) << kept.out << kept.err;
  const bj::value reply = json_of(kept);
  EXPECT_EQ(status_of(reply, "BTCUSDT_1h.safetensors"), "refused");
  EXPECT_EQ(status_of(reply, "ETHUSDT_1h.safetensors"), "pulled");
  EXPECT_EQ(read_file(home_ + "/pulled/BTCUSDT_1h.safetensors"),
            read_file(home_ + "/models/BTCUSDT_1h.safetensors"));
  ASSERT_EQ(pull({"--force"}).exit_code, 0);
  EXPECT_EQ(read_file(home_ + "/pulled/BTCUSDT_1h.safetensors"),
            read_file(home_ + "/older/BTCUSDT_1h.safetensors"));
}

TEST_F(PublishPullTest, WhatIsNoModelOrAnothersIsNotTaken) {
  ASSERT_EQ(publish().exit_code, 0);
  client(
      "import { readFileSync } from 'node:fs';\n"
      "const eth = readFileSync('" +
      home_ +
      "/models/ETHUSDT_1h.safetensors');\n"
      "await hub.uploadFiles({ ...at, files: [\n"
      "  { path: 'BTCUSDT_1h.safetensors', content: new Blob([eth]) },\n"
      "  { path: 'ETHUSDT_1h.safetensors', content: new Blob([eth.subarray(0, 5000)]) }] });\n"
      "console.log('done');\n");
  std::filesystem::copy(home_ + "/older", home_ + "/pulled");
  const Finished refused = pull();
  EXPECT_EQ(refused.exit_code, 1) << refused.out;
  EXPECT_NE(refused.err.find("BTCUSDT_1h.safetensors was not taken: it is a model of ETHUSDT_1h"),
            std::string::npos)
      << refused.err;
  EXPECT_NE(refused.err.find("ETHUSDT_1h.safetensors was not taken"), std::string::npos) << refused.err;
  for (const char* name : {"/BTCUSDT_1h.safetensors", "/ETHUSDT_1h.safetensors"})
    EXPECT_EQ(read_file(home_ + "/pulled" + name), read_file(home_ + "/older" + name));
}

TEST_F(PublishPullTest, TwoPullsIntoOneDirectoryDoNotMeet) {
  ASSERT_EQ(publish().exit_code, 0);
  hub_with(
      "{ faults: [{ match: 'GET /api', status: 429, headers: { RateLimit: '\"api\";r=0;t=299' }, times: 1 }] "
      "}");
  Process first(home_, {"pull", "--repo", "acme/mop", "--hub-url", url_, "--models-dir", "pulled"});
  std::string line;
  while ((line = first.read_err_line()).find("asking again in 300 s") == std::string::npos)
    ASSERT_FALSE(line.empty()) << "it ended without having waited";
  const Finished second = pull();
  EXPECT_EQ(second.exit_code, 1) << second.out;
  EXPECT_NE(second.err.find(".pull/lock"), std::string::npos) << second.err;
  first.signal(SIGKILL);
  first.finish();
  write_file(home_ + "/pulled/.pull/BTCUSDT_1h.safetensors", "what a killed one left");
  const Finished third = pull();
  EXPECT_EQ(third.exit_code, 1) << "the new hub has no repository";
  EXPECT_FALSE(std::filesystem::exists(home_ + "/pulled/.pull"));
}

TEST_F(PublishPullTest, RefusalsNameTheRemedyAndNeverTheToken) {
  write_file(home_ + "/scores.json",
             R"({"protocol":{"mode":"split","score_from":1747000000000,"score_until":1748700000000},)"
             R"("pooled":{"1h":{"n":1,"skill_vs_ewma_pct":1,"skill_vs_har_pct":1,"coverage":{"90":0.9},)"
             R"("direction_accuracy":0.5,"mape_pct":1,"mape_persistence_pct":1}}})");
  struct Case {
    std::string token;
    Arguments arguments;
    int exit_code;
    std::string says;
  };
  for (const auto& [token, arguments, exit_code, says] : std::vector<Case>{
           {"", {"publish", "--repo", "acme/mop", "--hub-url", url_}, 2, "HF_TOKEN"},
           {"hf_wrong", {"publish", "--repo", "acme/mop", "--hub-url", url_}, 1, "HF_TOKEN"},
           {"hf_write", {"publish", "--repo", "mop", "--hub-url", url_}, 2, "user/name"},
           {"hf_write", {"publish", "--repo", "acme/mop", "--hub-url", "http://example.org"}, 2, "https://"},
           {"hf_write", {"publish", "--repo", "acme/mop", "--hub-url", url_, "--offline"}, 2, "--offline"},
           {"hf_write",
            {"publish", "--repo", "acme/mop", "--hub-url", url_, "--models-dir", "none"},
            1,
            "mop train"},
           {"hf_write",
            {"publish", "--repo", "acme/mop", "--hub-url", url_, "--scores", "scores.json"},
            1,
            "has learnt candles up to"},
           {"hf_write", {"pull", "--repo", "acme/none", "--hub-url", url_}, 1, "acme/none"},
           {"hf_write",
            {"pull", "--repo", "acme/mop", "--hub-url", "http://127.0.0.1:9"},
            1,
            "cannot be reached"}}) {
    ::setenv("HF_TOKEN", token.c_str(), 1);
    const Finished f = run(arguments);
    EXPECT_EQ(f.exit_code, exit_code) << f.out << f.err;
    EXPECT_NE(f.err.find(says), std::string::npos) << says << ": " << f.err;
    EXPECT_EQ((f.out + f.err).find("hf_wr"), std::string::npos) << f.out << f.err;
  }
  for (const char* log : {"/logs/publish.log", "/logs/pull.log"})
    EXPECT_EQ(read_file(home_ + log).find("hf_wr"), std::string::npos) << log;
}

TEST_F(PublishPullTest, CtrlCEndsAWaitAndChangesNothing) {
  hub_with(
      "{ faults: [{ match: 'POST /acme/mop.git', status: 429, headers: { RateLimit: '\"api\";r=0;t=299' }, "
      "times: 1 }] }");
  Process process(home_, {"publish", "--repo", "acme/mop", "--hub-url", url_});
  std::string line;
  while ((line = process.read_err_line()).find("asking again in 300 s") == std::string::npos)
    ASSERT_FALSE(line.empty()) << "it ended without having waited";
  process.signal(SIGINT);
  const Finished f = process.finish();
  EXPECT_EQ(f.exit_code, 130) << f.err;
  EXPECT_EQ(
      client("let files = 0;\nfor await (const file of hub.listFiles(at)) files++;\nconsole.log(files);"),
      "1")
      << "the repository was made, with what the Hub puts into it";
}

}  // namespace
}  // namespace mop::functional
