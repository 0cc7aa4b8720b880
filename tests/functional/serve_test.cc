// `mop serve` against the simulated exchange: the real program, its ledger, its API.
#include <csignal>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "collect_fixture.h"
#include "mop/base/time.h"
#include "mop/exchange/curl_transport.h"

namespace mop::functional {
namespace {

std::vector<std::string> csv_cells(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

// "http://127.0.0.1:PORT"; empty when the program ended before it served.
std::string address_once_it_serves(Process& process) {
  for (std::string line = process.read_out_line(); !line.empty(); line = process.read_out_line()) {
    if (!line.starts_with("serving")) continue;
    const std::size_t begin = line.find("http://");
    return line.substr(begin, line.find("/api") - begin);
  }
  return "";
}

// One exchange whose quarters of an hour take a second and a half, and models of two coins, for all tests.
class ServeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = testing::TempDir() + "mop_serve_" + std::to_string(::getpid());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ + "/mop.toml") << "[default]\nhidden_size = 16\nnum_layers = 1\nensemble = "
                                               "2\nepochs = 2\nleast_updates = 200\nlookback = 24\n";
    sim_ = std::make_unique<Process>(
        directory_, std::vector<std::string>{"sim", "--port", "0", "--seed", "5", "--now", "2025-06-01",
                                             "--clock", "x600"});
    url_ = sim_->read_out_line();
    ASSERT_EQ(run({"fetch", "--symbols", "BTCUSDT,ETHUSDT", "--limit", "1600", "--base-url", url_}).exit_code,
              0);
    const Finished trained = run({"train", "--symbols", "BTCUSDT,ETHUSDT", "--quiet"});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }
  static void TearDownTestSuite() {
    sim_.reset();
    std::filesystem::remove_all(directory_);
  }
  static Finished run(const std::vector<std::string>& arguments) { return run_mop(directory_, arguments); }
  static std::vector<std::string> serve(const std::string& db, const std::vector<std::string>& more,
                                        const std::string& listen = "127.0.0.1:0",
                                        const std::string& clock = "x600") {
    std::vector<std::string> arguments{"serve",    "--base-url", url_,   "--clock", clock,
                                       "--listen", listen,       "--db", db};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  // The exported forecasts, a map from column to cell per step.
  static std::vector<std::map<std::string, std::string>> exported(const std::string& db) {
    std::istringstream lines(run({"ledger", "export", "--db", db}).out);
    std::vector<std::string> names;
    std::vector<std::map<std::string, std::string>> rows;
    for (std::string line; std::getline(lines, line);) {
      const std::vector<std::string> cells = csv_cells(line);
      if (names.empty()) {
        names = cells;
        continue;
      }
      std::map<std::string, std::string> named;
      for (std::size_t i = 0; i < cells.size(); ++i)
        named[names[i]] = cells[i];
      rows.push_back(std::move(named));
    }
    return rows;
  }
  static void expect_sound(const std::string& db) {
    const Finished verified = run({"ledger", "verify", "--db", db});
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
    const Finished scored = run({"ledger", "score", "--db", db});
    EXPECT_EQ(scored.exit_code, 0) << scored.out << scored.err;
  }

  static std::string directory_, url_;
  static std::unique_ptr<Process> sim_;
};
std::string ServeTest::directory_, ServeTest::url_;
std::unique_ptr<Process> ServeTest::sim_;

TEST_F(ServeTest, EveryCloseIsInTheLedgerAsPredictSaysIt) {
  const Finished served = run(serve("a.db", {"--closes", "6", "--json"}));
  ASSERT_EQ(served.exit_code, 0) << served.out << served.err;
  const bj::value summary = json_of(served);
  EXPECT_GE(summary.at("forecasts").to_number<int>(), 5 * 2 + 2);
  EXPECT_EQ(summary.at("missed"), 0);
  EXPECT_EQ(summary.at("late_candles"), 0);
  expect_sound("a.db");
  std::size_t compared = 0;
  for (auto& row : exported("a.db")) {
    if (row["step"] != "1" || (row["champion"] != "model" && row["champion"] != "unified")) continue;
    const std::string kind = row["champion"] == "unified" ? "unified" : row["timeframe"];
    const std::int64_t as_of = std::stoll(row["as_of"]);
    const Finished f = run({"predict", row["symbol"], "--timeframe", row["timeframe"], "--kind", kind,
                            "--as-of", format_utc(as_of + 1), "--json"});
    ASSERT_EQ(f.exit_code, 0) << f.err;
    const bj::value predicted = json_of(f);
    ASSERT_EQ(predicted.at("as_of_close_time").as_int64(), as_of);
    const double price =
        std::stod(row["close"]) * std::exp(std::stod(row["q_0.9"]) * std::stod(row["sigma"]));
    EXPECT_DOUBLE_EQ(predicted.at("steps").at(0).at("quantiles").at("0.9").to_number<double>(), price);
    ++compared;
  }
  EXPECT_GT(compared, 0u) << "no series has a model for its champion";
}

TEST_F(ServeTest, KilledAndStartedAgainItForecastsNothingTwiceAndSaysWhatItMissed) {
  {
    Process process(directory_, serve("b.db", {}));
    ASSERT_FALSE(address_once_it_serves(process).empty()) << "it ended before it served";
    while (exported("b.db").empty()) {
    }
    process.signal(SIGKILL);
    EXPECT_EQ(process.finish().exit_code, 128 + SIGKILL);
  }
  expect_sound("b.db");
  const std::size_t before = exported("b.db").size();
  const Finished served = run(serve("b.db", {"--closes", "4", "--json"}));
  ASSERT_EQ(served.exit_code, 0) << served.out << served.err;
  EXPECT_GT(exported("b.db").size(), before);
  expect_sound("b.db");
}

TEST_F(ServeTest, ASecondOneOnTheSameDatabaseIsRefused) {
  Process first(directory_, serve("two.db", {}));
  ASSERT_FALSE(address_once_it_serves(first).empty()) << "it ended before it served";
  const Finished second = run(serve("two.db", {"--closes", "1"}));
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_NE(second.err.find("is being written by another `mop serve`"), std::string::npos) << second.err;
  first.signal(SIGKILL);
  first.finish();
  EXPECT_EQ(run(serve("two.db", {"--closes", "1"})).exit_code, 0);
}

TEST_F(ServeTest, AnswersOverHttpAndEndsOnASignal) {
  Process process(directory_, serve("c.db", {}));
  const std::string base = address_once_it_serves(process);
  ASSERT_FALSE(base.empty()) << "it ended before it served";
  exchange::CurlTransport transport;
  const auto get = [&](const std::string& path) { return transport.get({base + path}); };
  EXPECT_EQ(get("/api/v1/health/live").value().status, 200);
  exchange::HttpReply forecast;
  do {
    forecast = get("/api/v1/series/BTCUSDT/15m/forecast").value();
  } while (forecast.status == 404 || forecast.status == 429);  // asking without pause goes over the rate
  ASSERT_EQ(forecast.status, 200) << forecast.body;
  const bj::value document = parse_json(forecast.body, "forecast").value();
  EXPECT_LT(document.at("made_at").as_int64(), document.at("as_of_close_time").as_int64() + 15 * kMinute);
  EXPECT_EQ(document.at("steps").as_array().size(), 7u);
  const bj::value series = parse_json(get("/api/v1/series").value().body, "series").value();
  EXPECT_EQ(series.at("series").as_array().size(), 4u);
  EXPECT_NE(get("/metrics").value().body.find("mop_stream_connected 1"), std::string::npos);
  process.signal(SIGTERM);
  const Finished ended = process.finish();
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_NE(ended.out.find("forecasts written to the ledger"), std::string::npos) << ended.out;
  expect_sound("c.db");
}

// A token in .env is asked for on loopback too, and stands in no output.
TEST_F(ServeTest, ATokenInTheEnvFileIsAskedFor) {
  const std::string own = fresh_directory(), token = "0123456789abcdef-secret";
  write_file(own + "/.env", "# for a test\nHF_TOKEN=x\n MOP_API_TOKEN = \"" + token + "\"\n");
  Process process(own, serve("e.db", {"--data-dir", directory_ + "/data/raw", "--models-dir",
                                      directory_ + "/models", "--config", directory_ + "/mop.toml"}));
  const std::string base = address_once_it_serves(process);
  ASSERT_FALSE(base.empty()) << "it ended before it served";
  exchange::CurlTransport transport;
  EXPECT_EQ(transport.get({base + "/api/v1/health/live"}).value().status, 200);
  EXPECT_EQ(transport.get({base + "/api/v1/series"}).value().status, 401);
  process.signal(SIGINT);
  const Finished ended = process.finish();
  for (const std::string& text : {ended.out, ended.err, read_file(own + "/logs/serve.log")})
    EXPECT_EQ(text.find(token), std::string::npos);
}

TEST_F(ServeTest, SaysWhatIsWrongBeforeItStarts) {
  const auto says = [&](const std::vector<std::string>& arguments, std::string_view what) {
    const Finished f = run(arguments);
    EXPECT_NE(f.exit_code, 0) << f.out;
    EXPECT_NE(f.err.find(what), std::string::npos) << f.err;
  };
  says(serve("d.db", {"--models-dir", "nowhere"}), "run `mop train`");
  says(serve("d.db", {}, "0.0.0.0:0"), "MOP_API_TOKEN");
  says(serve("d.db", {}, "127.0.0.1:0", "fast"), "--clock must be real or x1");
}

}  // namespace
}  // namespace mop::functional
