#include "mop/app/hub.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace mop::app {
namespace {

HubAccess access_to(const std::string& repo, const std::string& url = "") {
  HubAccess access;
  access.repo = repo;
  access.url = url;
  return access;
}

TEST(HubTest, NamesThatTheHubDoesNotTakeAreRefusedAtOnce) {
  for (const char* good : {"acme/mop", "a/b", "A.b_c-d/x.y"})
    EXPECT_TRUE(check_access(access_to(good))) << good;
  for (const char* bad : {"", "mop", "/mop", "acme/", "acme/mop/x", "acme/-mop", "acme/mop.", "acme/a--b",
                          "acme/a..b", "acme/mop.git", "acme/m p", "../mop", "acme/m\xc3\xb6p"}) {
    const auto checked = check_access(access_to(bad));
    ASSERT_FALSE(checked.has_value()) << bad;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(HubTest, ATokenDoesNotTravelUnencrypted) {
  for (const char* good : {"", "https://hub.example.org", "http://127.0.0.1:9000", "http://localhost"})
    EXPECT_TRUE(check_access(access_to("a/b", good))) << good;
  for (const char* bad :
       {"http://hub.example.org", "http://127.0.0.1.example.org", "ftp://localhost", "hub"}) {
    const auto checked = check_access(access_to("a/b", bad));
    ASSERT_FALSE(checked.has_value()) << bad;
    EXPECT_NE(checked.error().message.find("https://"), std::string::npos) << checked.error().message;
  }
}

TEST(HubTest, ReadsLines) {
  const auto progress = parse_hub_line(R"({"progress":{"done":3,"of":9,"what":"x"}})");
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->kind, HubLine::Kind::kProgress);
  EXPECT_EQ(progress->done, 3u);
  const auto waiting = parse_hub_line(R"({"waiting":{"seconds":42,"why":"HTTP 429"}})");
  ASSERT_TRUE(waiting.has_value());
  EXPECT_EQ(waiting->text, "HTTP 429; asking again in 42 s");
  const auto done = parse_hub_line(
      R"({"done":{"commit":null,"url":"u","changed":["a","b"],"unchanged":[],"missing":["c"]}})");
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->kind, HubLine::Kind::kDone);
  EXPECT_EQ(done->outcome.commit, "");
  EXPECT_EQ(done->outcome.changed, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(done->outcome.missing, std::vector<std::string>{"c"});
}

TEST(HubTest, WrongLinesAreErrorsAndErrorsKeepTheirKind) {
  for (const char* wrong :
       {"", "nonsense", "[]", "{}", R"({"progress":{}})", R"({"progress":{"done":-1,"of":1}})",
        R"({"waiting":{"why":"x"}})", R"({"pulled":{"path":"a","sha256":"short"}})"}) {
    const auto line = parse_hub_line(wrong);
    ASSERT_FALSE(line.has_value()) << wrong;
    EXPECT_EQ(line.error().code, ErrorCode::kCorrupt) << wrong;
  }
  for (const auto& [kind, code] :
       std::vector<std::pair<std::string, ErrorCode>>{{"invalid_argument", ErrorCode::kInvalidArgument},
                                                      {"not_found", ErrorCode::kNotFound},
                                                      {"refused", ErrorCode::kRefused},
                                                      {"rate_limited", ErrorCode::kRateLimited},
                                                      {"unsupported", ErrorCode::kUnsupported},
                                                      {"unavailable", ErrorCode::kUnavailable},
                                                      {"anything else", ErrorCode::kCorrupt}}) {
    const auto line = parse_hub_line(R"({"error":{"kind":")" + kind + R"(","message":"why"}})");
    ASSERT_FALSE(line.has_value()) << kind;
    EXPECT_EQ(line.error().code, code) << kind;
    EXPECT_EQ(line.error().message, "why");
  }
}

// A shell script in the place of Node.js.
TEST(HubTest, ThePipeCarriesTheRequestAndWhatIsPulled) {
  const std::string script = testing::TempDir() + "mop_hub.sh";
  std::ofstream(script) << "read request\nprintf '%s\\n' \"$request\" >" << script << ".request\n"
                        << "echo '{\"progress\":{\"done\":1,\"of\":2,\"what\":\"x\"}}'\n"
                        << "echo '{\"pulled\":{\"path\":\"BTCUSDT_1h.safetensors\",\"sha256\":\""
                        << std::string(64, 'a') << "\"}}'\n"
                        << "echo '{\"done\":{\"commit\":\"c\",\"changed\":[\"BTCUSDT_1h.safetensors\"]}}'\n";
  HubAccess access = access_to("acme/mop");
  access.token = "hf_secret";
  access.node = "sh";
  access.script = script;
  std::vector<std::string> pulled;
  const auto outcome = pull(
      access, {"main", {"BTCUSDT_1h.safetensors"}, {{"x", "y"}}, "/nowhere"},
      [&](const std::string& name, const std::string&) -> Result<void> {
        pulled.push_back(name);
        return {};
      },
      true);
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_EQ(pulled, std::vector<std::string>{"BTCUSDT_1h.safetensors"});
  std::string request;
  std::getline(std::ifstream(script + ".request"), request);
  EXPECT_EQ(request, R"({"do":"pull","revision":"main","names":["BTCUSDT_1h.safetensors"],"have":{"x":"y"},)"
                     R"("directory":"/nowhere","repo":"acme/mop","url":"","token":"hf_secret"})");
  std::filesystem::remove(script);
  std::filesystem::remove(script + ".request");
}

}  // namespace
}  // namespace mop::app
