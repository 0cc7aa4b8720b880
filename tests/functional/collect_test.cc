// Collecting candles with the real program: concurrency, a second run, processes that share the budget,
// kills.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "process.h"

namespace mop::functional {
namespace {

namespace bj = boost::json;
namespace fs = std::filesystem;

bj::value json_of(const Finished& f) {
  auto parsed = parse_json(f.out, "standard output");
  EXPECT_TRUE(parsed.has_value()) << f.out << f.err;
  return parsed ? *parsed : bj::value{};
}

// Its clock stands 14 minutes before the next candle: all fetches of a test see the same market.
class CollectTest : public testing::Test {
 protected:
  void SetUp() override { directory = fresh_directory(); }
  void start_sim(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"sim", "--port", "0", "--seed", "5", "--start", "2025-07-01 00:01"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    sim = std::make_unique<Process>(directory, arguments);
    url = sim->read_out_line();
    ASSERT_TRUE(url.starts_with("http://")) << url;
  }
  std::vector<std::string> fetch(const std::string& data, std::vector<std::string> more) {
    std::vector<std::string> arguments{"fetch", "--base-url", url, "--data-dir", data, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  bj::value fetched(const std::string& data, std::vector<std::string> more) {
    const Finished f = run_mop(directory, fetch(data, std::move(more)));
    EXPECT_EQ(f.exit_code, 0) << f.out << f.err;
    return json_of(f);
  }
  std::string file(const std::string& data, const std::string& name) {
    return read_file(directory + "/" + data + "/" + name);
  }

  std::string directory, url;
  std::unique_ptr<Process> sim;
};

TEST_F(CollectTest, FiftySeriesOverASlowLineAndThenOnlyWhatIsNew) {
  start_sim({"--latency", "50"});
  const bj::value first = fetched("all", {"--symbols", "all"});
  ASSERT_EQ(first.at("files").as_array().size(), 50u);
  std::int64_t rows = 0;
  for (const bj::value& one : first.at("files").as_array())
    rows += one.at("rows").to_number<std::int64_t>();
  EXPECT_EQ(rows, 50'000);
  EXPECT_EQ(first.at("http_429").as_int64(), 0);
  const bj::value second = fetched("all", {"--symbols", "all"});
  EXPECT_EQ(second.at("http_429").as_int64(), 0);
  EXPECT_LE(second.at("requests").as_int64(), 50 + 8 + 3)
      << "one page a series, the ends of the two dead coins' four series, and the clock";
  for (const bj::value& one : second.at("files").as_array())
    EXPECT_EQ(one.at("rows_added").to_number<std::int64_t>(), 0);
}

TEST_F(CollectTest, LongHistoriesAreTheSameRowsAsShortOnes) {
  start_sim();
  fetched("long", {"--symbols", "BTCUSDT,MATICUSDT", "--limit", "7000"});
  fetched("steps", {"--symbols", "BTCUSDT,MATICUSDT", "--limit", "1500"});
  fetched("steps", {"--symbols", "BTCUSDT,MATICUSDT", "--limit", "7000"});
  for (const char* name : {"BTCUSDT_15m.csv", "BTCUSDT_1h.csv", "MATICUSDT_15m.csv", "MATICUSDT_1h.csv"}) {
    const std::string rows = file("long", name);
    const bool dead = std::string(name).starts_with("MATIC");  // may have fewer in all
    EXPECT_GE(std::count(rows.begin(), rows.end(), '\n'), dead ? 5000 : 7001) << name;
    EXPECT_EQ(file("steps", name), rows) << name;
  }
}

TEST_F(CollectTest, RowsOfAnotherExchangeAreMarkedAndNotMixed) {
  start_sim();
  fetched("data", {"--symbols", "BTCUSDT", "--timeframes", "1h"});
  const std::string path = directory + "/data/metadata.json";
  std::string metadata = read_file(path);
  for (std::size_t at = 0; (at = metadata.find("\"binance\"", at)) != std::string::npos;)
    metadata.replace(at, 9, "\"ccxt:kucoin\"");
  write_file(path, metadata);
  const Finished refused = run_mop(
      directory, fetch("data", {"--symbols", "BTCUSDT", "--timeframes", "1h", "--source", "binance"}));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.out.find("ccxt:kucoin"), std::string::npos) << refused.out;
  const Finished stats = run_mop(directory, {"stats", "--data-dir", "data"});
  EXPECT_NE(stats.out.find("ccxt:kucoin"), std::string::npos) << stats.out;
  EXPECT_EQ(run_mop(directory, fetch("data", {"--symbols", "BTCUSDT", "--source", "kucoin"})).exit_code, 2);
}

TEST_F(CollectTest, StaleAndDeadSeriesAreMentioned) {
  start_sim();
  const Finished f = run_mop(directory, fetch("data", {"--symbols", "BTCUSDT,XMRUSDT"}));
  EXPECT_NE(f.err.find("stale"), std::string::npos) << "the simulated July lies months back: " << f.err;
  EXPECT_NE(f.err.find("dead series"), std::string::npos) << f.err;
  const bj::value stats = json_of(run_mop(directory, {"stats", "--data-dir", "data", "--json"}));
  for (const bj::value& one : stats.at("series").as_array())
    EXPECT_EQ(one.at("state"), one.at("symbol") == "XMRUSDT" ? "dead" : "stale");
}

TEST_F(CollectTest, ProcessesOfOneMachineShareTheBudget) {
  start_sim();
  const std::string symbols = "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT";
  Process one(directory, fetch("one", {"--symbols", symbols, "--limit", "5000"}));
  Process other(directory, fetch("other", {"--symbols", symbols, "--limit", "5000"}));
  const bj::value a = json_of(one.finish()), b = json_of(other.finish());
  EXPECT_EQ(a.at("http_429").as_int64() + b.at("http_429").as_int64(), 0);
  EXPECT_EQ(file("one", "BTCUSDT_15m.csv"), file("other", "BTCUSDT_15m.csv"));
}

TEST_F(CollectTest, TheArchiveGivesTheBytesOfRestAcrossTheChangeToMicroseconds) {
  start_sim();
  const std::vector<std::string> range{"--symbols", "BTCUSDT", "--since", "2024-11-20"};
  fetched("rest", range);
  std::vector<std::string> deep = range;
  deep.insert(deep.end(), {"--archive-url", url});
  const bj::value got = fetched("archive", deep);
  EXPECT_GT(got.at("files").at(0).at("archive_files").to_number<int>(), 10)
      << serialize(got.at("files").at(0));
  EXPECT_EQ(got.at("files").at(0).at("source"), "archive+binance");
  for (const char* name : {"BTCUSDT_15m.csv", "BTCUSDT_1h.csv"})
    EXPECT_EQ(file("archive", name), file("rest", name)) << name;
}

constexpr const char* kEveryFault = R"({"do":"latency","ms":200,"path":"/api/*","first":3,"count":2}
{"do":"reset","path":"/api/v3/klines*","first":4,"every":9,"count":4}
{"do":"truncate","path":"/api/v3/klines*","first":6,"every":11,"count":3}
{"do":"slow","bytes_per_second":200000,"path":"/api/v3/klines*","first":8,"count":1}
{"do":"corrupt","path":"/api/v3/klines*","first":9,"every":7,"count":3}
{"do":"corrupt","path":"/data/*.zip","count":2}
{"do":"truncate","path":"/data/*.zip","first":3,"count":1}
{"do":"status","status":404,"path":"/data/*CHECKSUM","first":2,"count":1}
{"do":"status","status":429,"retry_after":1,"path":"/api/v3/klines*","first":12,"count":1}
{"do":"status","status":502,"path":"/api/v3/klines*","first":14,"count":2}
{"do":"status","status":503,"path":"/data/*","first":5,"count":1}
{"do":"clock_skew","ms":7200000,"path":"/api/v3/time*","count":1}
{"do":"gap","symbol":"BTCUSDT","from":"2025-06-20T02:00","until":"2025-06-20T04:00","path":"/api/*","count":2}
{"do":"duplicate","symbol":"POLUSDT","from":"2025-06-21T02:00","until":"2025-06-21T04:00","path":"/api/*"}
{"do":"misalign","symbol":"POLUSDT","ms":1500,"from":"2025-06-22T02:00","until":"2025-06-22T04:00","path":"/api/*","count":3}
)";

TEST_F(CollectTest, EveryFaultTogetherChangesNoByte) {
  const std::vector<std::string> range{"--symbols", "BTCUSDT,POLUSDT", "--since", "2024-11-20"};
  start_sim();
  fetched("quiet", range);
  write_file(directory + "/faults.jsonl", kEveryFault);
  start_sim({"--faults", "faults.jsonl"});
  std::vector<std::string> deep = range;
  deep.insert(deep.end(), {"--archive-url", url});
  const bj::value got = fetched("faults", deep);
  EXPECT_GT(got.at("retries").as_int64(), 5);
  EXPECT_LT(got.at("requests").as_int64(), 200);
  EXPECT_EQ(got.at("http_418").as_int64(), 0);
  fetched("faults", range);  // what a candle fault hid in the first run
  for (const char* name : {"BTCUSDT_15m.csv", "BTCUSDT_1h.csv", "POLUSDT_15m.csv", "POLUSDT_1h.csv"})
    EXPECT_EQ(file("faults", name), file("quiet", name)) << name;
}

// Runs of `mop fetch` that are killed at any moment: into an empty directory, and behind stored rows.
class KillTest : public CollectTest {
 protected:
  static constexpr const char* kSymbols = "BTCUSDT,ETHUSDT";
  static constexpr std::array<const char*, 4> kFiles{"BTCUSDT_15m.csv", "BTCUSDT_1h.csv", "ETHUSDT_15m.csv",
                                                     "ETHUSDT_1h.csv"};

  // The first `rows` rows of every file of the whole run.
  void begin_with(const std::string& data, std::size_t rows) {
    fs::create_directories(directory + "/" + data);
    for (const char* name : kFiles) {
      const std::string whole = file("whole", name);
      std::size_t end = 0;
      for (std::size_t line = 0; line <= rows; ++line)
        end = whole.find('\n', end) + 1;
      write_file(directory + "/" + data + "/" + name, whole.substr(0, end));
    }
    ASSERT_EQ(run_mop(directory, {"stats", "--data-dir", data}).exit_code, 0) << "writes metadata.json";
  }

  void kill_once(const std::string& data, const std::vector<std::string>& more,
                 std::chrono::microseconds after) {
    Process killed(directory, fetch(data, more));
    std::this_thread::sleep_for(after);
    killed.signal(SIGKILL);
    killed.finish();
    const Finished verified = run_mop(directory, {"verify", "--data-dir", data});
    ASSERT_EQ(verified.exit_code, 0) << verified.out << verified.err;
    fetched(data, more);
    for (const char* name : kFiles)
      ASSERT_EQ(file(data, name), file("whole", name)) << name << ", killed after " << after.count() << " us";
    ASSERT_EQ(run_mop(directory, {"verify", "--data-dir", data}).exit_code, 0);
  }
};

TEST_F(KillTest, AtAnyMomentLeavesACleanStoreThatTheNextFetchCompletes) {
  start_sim();
  const char* const wanted = std::getenv("MOP_KILLS");  // scripts/kill_test.sh asks for more
  const int kills = wanted != nullptr ? std::atoi(wanted) : 16;
  const std::vector<std::string> more{"--symbols", kSymbols, "--limit", "3000"};
  const auto start = std::chrono::steady_clock::now();
  fetched("whole", more);
  const auto taken =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  std::mt19937 random(7);
  for (int i = 0; i < kills; ++i) {
    const std::string data = "killed";
    fs::remove_all(directory + "/" + data);
    const auto after =
        std::chrono::microseconds(std::uniform_int_distribution<std::int64_t>(0, taken.count())(random));
    const bool behind_rows = i % 2 == 1;
    if (behind_rows) begin_with(data, 500);
    kill_once(data, behind_rows ? std::vector<std::string>{"--symbols", kSymbols} : more, after);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace mop::functional
