// Collecting candles with the real program: concurrency, a second run, processes that share the budget, other
// exchanges, faults of the exchange.
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "collect_fixture.h"
#include "mop/base/time.h"

namespace mop::functional {
namespace {

namespace fs = std::filesystem;

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
  EXPECT_LE(second.at("requests").as_int64(), 50 + 8 + 3 + 1)
      << "one page a series, the ends of the two dead coins' four series, the clock and the limit";
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

// A shell script in the place of Node.js and its ccxt edge says `says`.
class ElsewhereTest : public CollectTest {
 protected:
  void SetUp() override {
    CollectTest::SetUp();
    write_file(directory + "/bin/node", "#!/bin/sh\nexec sh \"$1\"\n");
    fs::permissions(directory + "/bin/node", fs::perms::owner_all);
    ::setenv("PATH", fmt::format("{}/bin:{}", directory, path).c_str(), 1);
    ::setenv("MOP_EDGES", (directory + "/edges").c_str(), 1);
  }
  void TearDown() override {
    ::setenv("PATH", path.c_str(), 1);
    ::unsetenv("MOP_EDGES");
  }
  void edge_says(const std::vector<std::string>& lines) {
    std::string script = "read request\n";
    for (const std::string& line : lines)
      script += fmt::format("echo '{}'\n", line);
    write_file(directory + "/edges/ccxt/candles.mjs", script);
  }
  Finished turning(const std::string& symbol, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--symbols", symbol, "--timeframes", "1h", "--ccxt-url", "http://other.test"});
    return run_mop(directory, fetch("data", more));
  }
  static std::string row(std::int64_t time) {
    return fmt::format("[{},\"160\",\"170\",\"150\",\"165\",\"10\"]", time);
  }

  const std::string path = std::getenv("PATH");
  const std::string done = R"({"done":true})";
};

TEST_F(ElsewhereTest, ACoinThatBinanceNoLongerTradesGoesOnThereAndIsMarked) {
  start_sim();
  constexpr std::int64_t kEnded = 1'708'398'000'000;  // 2024-02-20 03:00
  edge_says({fmt::format("{{\"rows\":[{},{}]}}", row(kEnded), row(kEnded + kHour)), done});
  const Finished f = turning("XMRUSDT");
  ASSERT_EQ(f.exit_code, 0) << f.out << f.err;
  EXPECT_NE(f.err.find("Binance ended XMRUSDT on 2024-02-20; it goes on with ccxt:kucoin"), std::string::npos)
      << f.err;
  const bj::value got = json_of(f).at("files").at(0);
  EXPECT_EQ(got.at("rows").to_number<int>(), 1002);
  EXPECT_EQ(got.at("source"), "binance+ccxt:kucoin");
  ASSERT_EQ(got.at("ranges").as_array().size(), 2u);
  EXPECT_EQ(got.at("ranges").at(1).at("from").as_int64(), kEnded);
  EXPECT_EQ(got.at("ranges").at(1).at("source"), "ccxt:kucoin");
  EXPECT_EQ(turning("XMRUSDT", {"--source", "binance"}).exit_code, 1) << "must refuse the mixed file";
}

TEST_F(ElsewhereTest, WithoutTheEdgeBinancesPartIsKeptAndTheRemedyNamed) {
  start_sim();
  edge_says(
      {R"({"error":{"kind":"unsupported","message":"ccxt is not installed; run: npm ci --prefix edges"}})"});
  const Finished f = turning("XMRUSDT");
  EXPECT_EQ(f.exit_code, 0) << f.out << f.err;
  EXPECT_NE(f.err.find("ccxt:kucoin did not carry it on: ccxt is not installed; run: npm ci"),
            std::string::npos)
      << f.err;
  EXPECT_EQ(json_of(f).at("files").at(0).at("rows").to_number<int>(), 1000);
}

TEST_F(ElsewhereTest, WhereBinanceDoesNotAnswerItIsAskedInsteadUntilBinanceDoes) {
  write_file(directory + "/blocked.jsonl", R"({"do":"status","status":451,"path":"/api/*"})");
  start_sim({"--faults", "blocked.jsonl"});
  constexpr std::int64_t kEvening = 1'751'313'600'000;  // 2025-06-30 20:00
  edge_says({fmt::format("{{\"rows\":[{},{}]}}", row(kEvening), row(kEvening + kHour)), done});
  const Finished blocked = turning("BTCUSDT", {"--since", "2025-06-30"});
  ASSERT_EQ(blocked.exit_code, 0) << blocked.out << blocked.err;
  EXPECT_NE(blocked.err.find("Binance does not answer"), std::string::npos) << blocked.err;
  EXPECT_EQ(json_of(blocked).at("files").at(0).at("source"), "ccxt:kucoin");
  start_sim();
  const Finished again = turning("BTCUSDT");
  const bj::value got = json_of(again).at("files").at(0);
  EXPECT_EQ(got.at("rows_changed").to_number<int>(), 2);
  ASSERT_EQ(got.at("ranges").as_array().size(), 1u) << again.out;
  EXPECT_EQ(got.at("ranges").at(0).at("source"), "binance");
  EXPECT_EQ(turning("BTCUSDT", {"--source", "binance"}).exit_code, 0);
}

TEST_F(CollectTest, ARenamedCoinIsSplicedOnRequest) {
  start_sim();
  fetched("data", {"--symbols", "MATICUSDT,POLUSDT", "--timeframes", "1h"});
  const auto features = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"features", "MATICUSDT",  "--timeframe", "1h",
                                       "--raw",    "--data-dir", "data"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished f = run_mop(directory, arguments);
    EXPECT_EQ(f.exit_code, 0) << f.err;
    return f.out;
  };
  const std::string alone = features({}), spliced = features({"--splice-renamed"});
  EXPECT_GT(std::count(alone.begin(), alone.end(), '\n'), 700);
  EXPECT_TRUE(spliced.starts_with(alone)) << "what MATICUSDT has stays as it is";
  EXPECT_GT(std::count(spliced.begin(), spliced.end(), '\n'), 1400) << "POLUSDT's candles behind it";
}

TEST_F(CollectTest, StaleAndDeadSeriesAreMentioned) {
  start_sim();
  const Finished f = run_mop(directory, fetch("data", {"--symbols", "BTCUSDT,XMRUSDT"}));
  EXPECT_NE(f.err.find("stale"), std::string::npos) << "the simulated July lies months back: " << f.err;
  EXPECT_NE(f.err.find("dead series"), std::string::npos) << f.err;
  const bj::value stats = json_of(run_mop(directory, {"stats", "--data-dir", "data", "--json"}));
  for (const bj::value& one : stats.at("series").as_array())
    EXPECT_EQ(one.at("state"), one.at("symbol") == "XMRUSDT" ? "dead" : "stale");
  const auto said_by_evaluate = [&](const std::string& end) {
    return run_mop(directory, {"evaluate", "--split", "2025-06-28", "--end", end, "--symbols", "BTCUSDT",
                               "--data-dir", "data", "--models-dir", "none"})
        .err;
  };
  EXPECT_EQ(said_by_evaluate("2025-07-01").find("stale"), std::string::npos) << "the candles reach that far";
  EXPECT_NE(said_by_evaluate("2025-07-02").find("the newest ends 2025-07-01 00:00 UTC"), std::string::npos);
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

// Answers that end a run: whoever goes on after them is banned.
constexpr std::array kEndsTheRun{
    R"({"do":"status","status":451,"path":"/api/v3/klines*","first":3})",
    R"({"do":"status","status":403,"path":"/api/v3/klines*","first":4})",
    R"({"do":"status","status":418,"retry_after":9000,"path":"/api/v3/klines*","first":5})"};

// Every kind there is but those of streams, which no fetch reads, and the answers above. Milliseconds 1751...
// begin on 2025-06-27: the archive's days end on 2025-06-29, so those candles come from REST.
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
{"do":"revise","symbol":"BTCUSDT","interval":"15m","from":"2025-06-30T23:15","ms":8640000000}
{"do":"listing","symbol":"BTCUSDT","listing_status":"NEVER_HEARD_OF","filters":false,"path":"*exchangeInfo*"}
{"do":"listing","symbol":"POLUSDT","listing_status":"BREAK","from":"2025-06-30T22:00","path":"*POLUSDT&interval=15m&startTime=1751*","count":1}
{"do":"clock_skew","ms":7200000,"path":"/api/v3/time*","count":1}
{"do":"gap","symbol":"BTCUSDT","from":"2025-06-20T02:00","until":"2025-06-20T04:00","path":"/data/*BTCUSDT-15m-2025-06-20.zip"}
{"do":"gap","symbol":"BTCUSDT","from":"2025-06-30T02:00","until":"2025-06-30T04:00","path":"*BTCUSDT&interval=15m&startTime=1751*","count":2}
{"do":"duplicate","symbol":"POLUSDT","from":"2025-06-30T02:00","until":"2025-06-30T04:00","path":"*POLUSDT*"}
{"do":"misalign","symbol":"POLUSDT","ms":1500,"from":"2025-06-22T02:00","until":"2025-06-22T04:00","path":"/data/*POLUSDT-15m-2025-06-22.zip"}
{"do":"misalign","symbol":"POLUSDT","ms":1500,"from":"2025-06-30T02:00","until":"2025-06-30T04:00","path":"*POLUSDT&interval=15m&startTime=1751*","count":2}
)";

class FaultsTest : public CollectTest {
 protected:
  void start_faulty(const std::string& script) {
    write_file(directory + "/faults.jsonl", script);
    start_sim({"--faults", "faults.jsonl"});
  }
  void expect_all_struck() {
    sim->signal(SIGINT);
    const std::string said = sim->finish().out;
    EXPECT_NE(said.find("of the script struck"), std::string::npos) << said;
    EXPECT_EQ(said.find("struck 0 times"), std::string::npos) << said;
  }
  void expect_undisturbed(const std::string& data) {
    for (const char* name : {"BTCUSDT_15m.csv", "BTCUSDT_1h.csv", "POLUSDT_15m.csv", "POLUSDT_1h.csv"})
      EXPECT_EQ(file(data, name), file("quiet", name)) << data << "/" << name;
  }
  const std::vector<std::string> range{"--symbols", "BTCUSDT,POLUSDT", "--since", "2024-11-20"};
};

TEST_F(FaultsTest, EveryFaultTogetherChangesNoByte) {
  start_sim();
  fetched("quiet", range);
  start_faulty(kEveryFault);
  std::vector<std::string> deep = range;
  deep.insert(deep.end(), {"--archive-url", url});
  const bj::value got = fetched("faults", deep);
  EXPECT_GT(got.at("retries").as_int64(), 5);
  EXPECT_LT(got.at("requests").as_int64(), 200);
  EXPECT_EQ(got.at("http_418").as_int64(), 0);
  expect_all_struck();
  start_sim();
  fetched("faults", range);  // what a candle fault hid or changed in the first run
  expect_undisturbed("faults");
}

TEST_F(FaultsTest, AnswersThatEndTheRunAreObeyedAndLoseNothing) {
  start_sim();
  fetched("quiet", range);
  for (const char* script : kEndsTheRun) {
    start_faulty(script);
    const Finished ended = run_mop(directory, fetch("ended", range));
    EXPECT_TRUE(ended.exit_code == 1 || ended.exit_code == 3) << script << ended.out << ended.err;
    expect_all_struck();
  }
  start_sim();
  fetched("ended", range);
  expect_undisturbed("ended");
}

}  // namespace
}  // namespace mop::functional
