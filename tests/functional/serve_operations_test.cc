// What keeps `mop serve` going: the service manager, settings read again, models trained again. The real
// program on an exchange whose next close is minutes away.
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <regex>

#include <fmt/format.h>

#include "certificate_text.h"
#include "collect_fixture.h"
#include "mop/base/time.h"
#include "mop/exchange/curl_transport.h"
#include "mop/train/model_file.h"

namespace mop::functional {
namespace {

constexpr const char* kProfile =
    "[default]\nhidden_size = 16\nnum_layers = 1\nensemble = 2\nepochs = 2\nleast_updates = 200\nlookback = "
    "24\n";

class ServeOperationsTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fresh_directory();
    settings("");
    sim_ = std::make_unique<Process>(
        directory_, std::vector<std::string>{"sim", "--port", "0", "--seed", "5", "--now", "2025-06-01 00:03",
                                             "--clock", "real"});
    url_ = sim_->read_out_line();
    ASSERT_EQ(run({"fetch", "--symbols", "BTCUSDT", "--limit", "1600", "--base-url", url_}).exit_code, 0);
    write_file(directory_ + "/models/canaries.json", certificate_of(kProfile));
    const Finished trained =
        run({"train", "--symbols", "BTCUSDT", "--kinds", "1h", "--until", "2025-05-29", "--quiet"});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }
  void TearDown() override {
    sim_.reset();
    std::filesystem::remove_all(directory_);
  }

  Finished run(const std::vector<std::string>& arguments) { return run_mop(directory_, arguments); }
  void settings(const std::string& serve) { write_file(directory_ + "/mop.toml", serve + kProfile); }
  std::unique_ptr<Process> serve() {
    auto process = std::make_unique<Process>(
        directory_, std::vector<std::string>{"serve", "--base-url", url_, "--symbols", "BTCUSDT", "--kinds",
                                             "1h", "--listen", "127.0.0.1:0"});
    std::string line;
    do {
      line = process->read_out_line();
      EXPECT_FALSE(line.empty()) << "it ended before it served";
    } while (!line.starts_with("serving") && !line.empty());
    const auto begin = line.find("http://");
    base_ = line.substr(begin, line.find("/api") - begin);
    return process;
  }
  std::string log() { return read_file(directory_ + "/logs/serve.log"); }
  // The test's own time limit ends it when that is never logged.
  void await_log(std::string_view text) {
    while (log().find(text) == std::string::npos)
      ::usleep(10'000);
  }
  int status_of(const std::string& path) { return transport_.get({base_ + path}).value().status; }
  UnixMillis trained_until() {
    const std::string path = train::model_path(directory_ + "/models", "BTCUSDT", train::Kind::k1h);
    return train::parse_model_file(read_file(path), path).value().trained_until;
  }

  std::string directory_, url_, base_;
  std::unique_ptr<Process> sim_;
  exchange::CurlTransport transport_;
};

TEST_F(ServeOperationsTest, AHangupReadsTheSettingsAgainAndAnInvalidFileChangesNothing) {
  const auto process = serve();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(status_of("/api/v1/health/live"), 200);
  settings("[serve]\nrequests_per_s = 0.1\nburst = 2\ndb = \"other.db\"\n");
  process->signal(SIGHUP);
  await_log("db changed in the settings but not here: start `mop serve` again for that");
  EXPECT_NE(log().find("info settings are read again: serve.requests_per_s, serve.burst changed"),
            std::string::npos)
      << log();
  EXPECT_EQ(status_of("/api/v1/health/live"), 200);
  EXPECT_EQ(status_of("/api/v1/health/live"), 200);
  EXPECT_EQ(status_of("/api/v1/health/live"), 429);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/other.db"));

  settings("[serve]\nburst = 100000\nrequests_per_s = 0\n");
  process->signal(SIGHUP);
  await_log("the settings stay as they were: mop.toml:3: serve.requests_per_s must be a number");
  EXPECT_EQ(status_of("/api/v1/health/live"), 429);
  process->signal(SIGTERM);
  EXPECT_EQ(process->finish().exit_code, 0);
}

TEST_F(ServeOperationsTest, AHangupTakesNewModelsAtOnce) {
  const auto process = serve();
  ASSERT_EQ(run({"train", "--symbols", "BTCUSDT", "--kinds", "1h", "--quiet"}).exit_code, 0);
  process->signal(SIGHUP);
  for (int i = 0; log().find("new models are in use") == std::string::npos; ++i) {
    // While files change, nothing but the signal makes it look.
    write_file(directory_ + "/models/not_selected.safetensors", std::to_string(i));
    ::usleep(100'000);
  }
  const auto reply = transport_.get({base_ + "/api/v1/models"}).value();
  EXPECT_EQ(parse_json(reply.body, "models").value().at("models").at(0).at("trained_until").as_int64(),
            trained_until());
}

TEST_F(ServeOperationsTest, OldModelsAreTrainedAgainInAnotherProcessAndUsed) {
  settings("[serve]\nretrain_after_days = 1\ndb = \"kept.db\"\n");
  const UnixMillis before = trained_until();
  const auto process = serve();
  await_log("retraining: begins, because the newest model learnt until 3.0 days ago");
  await_log("retraining: ended");
  EXPECT_NE(log().find("retraining: ended, 1 models taken, 0 refused"), std::string::npos) << log();
  EXPECT_EQ(before, parse_utc("2025-05-29").value() - 1);
  EXPECT_EQ(trained_until(), parse_utc("2025-06-01").value() - 1);
  await_log("new models are in use");
  process->signal(SIGTERM);
  EXPECT_EQ(process->finish().exit_code, 0);
  const Finished verified = run({"ledger", "verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_NE(verified.out.find("kept.db"), std::string::npos) << verified.out;
  EXPECT_TRUE(std::regex_search(
      log(), std::regex("Z info close at=2025-06-01T00:00Z forecasts=1 missed=0 forecast_us=\\d+ "
                        "ledger_us=\\d+ frame_to_ledger_ms=[\\d.]+\n")))
      << log();
}

TEST_F(ServeOperationsTest, TheServiceManagerHearsOfEveryTurn) {
  const std::string name = fmt::format("@mop_serve_operations_{}", ::getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), length), 0);
  std::string heard;
  const auto await_word = [&](std::string_view word) {
    heard.clear();
    while (heard.find(word) == std::string::npos) {
      char text[1024];
      const ssize_t n = ::recv(fd, text, sizeof text, 0);
      heard.append(text, static_cast<std::size_t>(std::max<ssize_t>(n, 0))) += '\n';
    }
  };
  ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  ::setenv("WATCHDOG_USEC", "300000", 1);
  const auto process = serve();
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  await_word("READY=1");
  EXPECT_NE(heard.find("STATUS=starting: "), std::string::npos) << heard;
  await_word("STATUS=1 series, newest close 2025-06-01 00:00");
  await_word("WATCHDOG=1");
  await_word("WATCHDOG=1");
  process->signal(SIGHUP);
  await_word("RELOADING=1\nMONOTONIC_USEC=");
  await_word("READY=1");
  process->signal(SIGTERM);
  await_word("STOPPING=1");
  EXPECT_EQ(process->finish().exit_code, 0);
  ::close(fd);
}

}  // namespace
}  // namespace mop::functional
