// `mop doctor` with the real program: what it finds, what it advises, and that it changes nothing.
#include <csignal>
#include <filesystem>
#include <map>

#include "certificate_text.h"
#include "collect_fixture.h"

namespace mop::functional {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSettings =
    "[data]\nsymbols = \"BTCUSDT,ETHUSDT\"\n"
    "[default]\nhidden_size = 16\nnum_layers = 1\nensemble = 2\nepochs = 2\nleast_updates = 200\nlookback = "
    "24\n";

using Rows = std::map<std::string, bj::object>;

class DoctorTest : public CollectTest {
 protected:
  void SetUp() override {
    CollectTest::SetUp();
    write_file(directory + "/mop.toml", kSettings);
  }
  void TearDown() override {
    sim.reset();
    fs::remove_all(directory);
  }
  // On the machine's clock unless `more` holds --now.
  void start_exchange(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"sim", "--port", "0", "--seed", "5"});
    sim = std::make_unique<Process>(directory, more);
    url = sim->read_out_line();
    ASSERT_TRUE(url.starts_with("http://")) << url;
  }
  void start_exchange_with(const std::string& fault) {
    write_file(directory + "/faults.jsonl", fault + "\n");
    start_exchange({"--faults", "faults.jsonl"});
  }
  void collect_and_train() {
    ASSERT_EQ(run_mop(directory, {"fetch", "--limit", "1600", "--base-url", url, "--quiet"}).exit_code, 0);
    write_file(directory + "/models/canaries.json", certificate_of(kSettings));
    const Finished trained = run_mop(directory, {"train", "--kinds", "1h", "--quiet"});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }

  std::vector<std::string> doctor(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"doctor", "--base-url", url});
    return more;
  }
  static Rows rows_of(const Finished& f, int exit_code) {
    EXPECT_EQ(f.exit_code, exit_code) << f.out << f.err;
    const bj::value document = json_of(f);
    EXPECT_EQ(document.at("ok").as_bool(), exit_code == 0);
    Rows rows;
    for (const bj::value& row : document.at("checks").as_array())
      rows[std::string(row.at("name").as_string())] = row.as_object();
    EXPECT_EQ(rows.size(), 9u) << f.out;
    return rows;
  }
  Rows rows(int exit_code, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = doctor(more);
    arguments.emplace_back("--json");
    return rows_of(run_mop(directory, arguments), exit_code);
  }
  static void expect_row(Rows& rows, const std::string& name, std::string_view state, std::string_view found,
                         std::string_view remedy) {
    bj::object& row = rows[name];
    EXPECT_EQ(std::string(row["state"].as_string()), state) << name << ": " << bj::serialize(row);
    EXPECT_NE(bj::serialize(row["found"]).find(found), std::string::npos) << bj::serialize(row);
    if (remedy.empty()) {
      EXPECT_TRUE(row["remedy"].is_null()) << bj::serialize(row);
    } else {
      EXPECT_NE(bj::serialize(row["remedy"]).find(remedy), std::string::npos) << bj::serialize(row);
    }
  }
  // Every file and directory with its time of change, but for the log.
  std::map<std::string, fs::file_time_type> tree() const {
    std::map<std::string, fs::file_time_type> all;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (entry.path().string().find("/logs") == std::string::npos)
        all[entry.path().string()] = entry.last_write_time();
    }
    return all;
  }
};

TEST_F(DoctorTest, WhereEverythingWorksEveryRowSaysSoAndNothingIsWritten) {
  start_exchange();
  collect_and_train();
  const auto before = tree();
  Rows found = rows(0);
  EXPECT_TRUE(tree() == before);
  expect_row(found, "program", "ok", "mop 0", "");
  expect_row(found, "cpu", "ok", "networks run on", "");
  expect_row(found, "disk", "ok", "free for data/raw, models, mop.db", "");
  expect_row(found, "exchange", "ok", url + " answers in", "");
  expect_row(found, "clock", "ok", "the exchange's", "");
  expect_row(found, "data", "ok", "4 of 4 series, 6,400 rows, newest candle closed", "");
  expect_row(found, "models", "ok", "2 of 6 in models, learnt until", "");
  Rows few = rows(0, {"--symbols", "BTCUSDT", "--timeframes", "1h"});
  expect_row(few, "data", "ok", "1 of 1 series, 1,600 rows", "");
  expect_row(few, "models", "ok", "1 of 1 in models", "");
}

TEST_F(DoctorTest, ANewInstallationHasNothingFailedAndIsToldTheNextSteps) {
  start_exchange();
  const Finished told = run_mop(directory, doctor());
  EXPECT_EQ(told.exit_code, 0) << told.out << told.err;
  EXPECT_NE(told.out.find("data        warn     none of 4 series is stored in data/raw\n"), std::string::npos)
      << told.out;
  EXPECT_NE(told.out.find("-> collect candles with `mop fetch`\n"), std::string::npos) << told.out;
  EXPECT_NE(told.out.find("9 checks: 0 failed, 2 to look at\n"), std::string::npos) << told.out;
  Rows found = rows(0);
  expect_row(found, "models", "warn", "none of 6 is in models", "mop train");
  EXPECT_FALSE(fs::exists(directory + "/data") || fs::exists(directory + "/models"));
}

TEST_F(DoctorTest, ARefusedLocationFailsAndTheWaysAroundAreNamed) {
  start_exchange_with(R"({"do":"status","status":451})");
  Rows found = rows(1);
  expect_row(found, "exchange", "fail", "HTTP 451", "data-api.binance.vision");
  expect_row(found, "exchange", "fail", "HTTP 451", "--source archive");
  expect_row(found, "exchange", "fail", "HTTP 451", "--source ccxt:kucoin");
  expect_row(found, "clock", "skipped", "", "");
}

TEST_F(DoctorTest, TheClockIsHeldToTheExchanges) {
  start_exchange_with(R"({"do":"clock_skew","ms":20000,"path":"/api/v3/time"})");
  Rows behind = rows(0);
  expect_row(behind, "clock", "warn", "behind the exchange's", "timedatectl set-ntp true");
  start_exchange_with(R"({"do":"clock_skew","ms":-20000,"path":"/api/v3/time"})");
  Rows ahead = rows(0);
  expect_row(ahead, "clock", "warn", "ahead of the exchange's", "timedatectl set-ntp true");
  start_exchange_with(R"({"do":"clock_skew","ms":600000,"path":"/api/v3/time"})");
  Rows wrong = rows(1);
  expect_row(wrong, "clock", "fail", "behind the exchange's", "timedatectl set-ntp true");
  expect_row(wrong, "exchange", "ok", "answers", "");
}

TEST_F(DoctorTest, OfflineNothingIsAsked) {
  url = "http://127.0.0.1:1";  // nobody listens there
  Rows offline = rows(0, {"--offline"});
  expect_row(offline, "exchange", "skipped", "--offline", "");
  expect_row(offline, "clock", "skipped", "--offline", "");
  Rows silent = rows(1);
  expect_row(silent, "exchange", "fail", "127.0.0.1:1 could not be asked", "--offline");
}

// Ages go by the exchange's clock, which a second exchange shows eleven weeks later.
TEST_F(DoctorTest, AgeAndDamageOfCandlesAndModelsAreToldWithTheRemedy) {
  start_exchange({"--now", "2025-06-01 00:03"});
  collect_and_train();
  Rows fresh = rows(1);
  expect_row(fresh, "clock", "fail", "ahead of", "timedatectl");
  expect_row(fresh, "data", "ok", "newest candle closed 3m", "");
  start_exchange({"--now", "2025-08-17 00:03"});
  Rows old = rows(1);
  expect_row(old, "data", "warn", "closed 77d 00h ago; 4 stale: BTCUSDT 15m, BTCUSDT 1h", "mop fetch");
  expect_row(old, "models", "warn", "learnt until 77d 00h ago; 2 too old to forecast: BTCUSDT_1h",
             "mop train");
  start_exchange({"--now", "2025-05-31 12:00"});
  Rows early = rows(1);
  expect_row(early, "data", "warn", "closes 2025-06-01 00:00 UTC; that is in the future", "--data-dir");

  start_exchange({"--now", "2025-06-01 00:03"});
  fs::remove(directory + "/models/canaries.json");
  ASSERT_EQ(run_mop(directory, {"train", "--symbols", "ETHUSDT", "--kinds", "1h", "--quiet"}).exit_code, 0);
  Rows unproven = rows(1);
  expect_row(unproven, "models", "warn", "1 not certified: ETHUSDT_1h", "mop canaries");
  write_file(directory + "/models/BTCUSDT_1h.safetensors", "torn");
  Rows torn = rows(1);
  expect_row(torn, "models", "fail", "1 unreadable: models/BTCUSDT_1h.safetensors", "mop train");

  const std::string candles = directory + "/data/raw/ETHUSDT_15m.csv";
  write_file(candles, read_file(candles) + "17");
  Rows behind = rows(1);
  expect_row(behind, "data", "warn", "metadata.json does not describe ETHUSDT 15m", "mop verify");
  fs::remove(directory + "/data/raw/metadata.json");
  const auto before = tree();
  Rows unknown = rows(1);
  expect_row(unknown, "data", "warn", "does not describe BTCUSDT 15m, BTCUSDT 1h, ETHUSDT 15m", "mop verify");
  EXPECT_TRUE(tree() == before) << "doctor mends nothing";
  EXPECT_EQ(run_mop(directory, {"verify", "--quiet"}).exit_code, 0);
  Rows mended = rows(1);
  expect_row(mended, "data", "ok", "4 of 4 series, 6,400 rows", "");
  write_file(directory + "/data/raw/metadata.json", "{");
  Rows corrupt = rows(1);
  expect_row(corrupt, "data", "fail", "metadata.json", "mop verify --repair");
}

TEST_F(DoctorTest, AFileWhereADirectoryBelongsFails) {
  write_file(directory + "/file", "");
  Rows in_the_way = rows(1, {"--offline", "--models-dir", "file"});
  expect_row(in_the_way, "disk", "fail", "file is no directory", "--models-dir");
}

TEST_F(DoctorTest, WhatCannotBeWrittenFails) {
  for (const std::string name : {"/data/raw/BTCUSDT_1h.csv", "/mop.db"}) {
    write_file(directory + name, "");
    fs::permissions(directory + name, fs::perms::owner_read | fs::perms::others_read);
  }
  fs::permissions(directory, fs::perms::all);
  fs::permissions(directory + "/data/raw", fs::perms::all);
  const Finished f = run_mop_unprivileged(directory, {"doctor", "--offline", "--json"});
  ASSERT_NE(f.exit_code, 127) << "the program does not start as an ordinary user";
  Rows found = rows_of(f, 1);
  expect_row(found, "disk", "fail", "data/raw/BTCUSDT_1h.csv: Permission denied; mop.db: Permission denied",
             "--data-dir");
}

TEST_F(DoctorTest, CtrlCEndsItWhileTheExchangeIsSilent) {
  start_exchange({"--latency", "60000"});
  Process process(directory, doctor());
  for (std::string line = process.read_out_line(); !line.starts_with("open files");)
    ASSERT_FALSE((line = process.read_out_line()).empty());
  process.signal(SIGINT);
  const Finished f = process.finish();
  EXPECT_EQ(f.exit_code, 130) << f.out << f.err;
  EXPECT_EQ(f.out.find("exchange"), std::string::npos) << f.out;
}

TEST_F(DoctorTest, WrongUsageExitsWith2) {
  EXPECT_EQ(run_mop(directory, {"doctor", "--symbols", "BTCUSDX"}).exit_code, 2);
  const Finished f = run_mop(directory, {"doctor", "--base-url", "ftp://127.0.0.1"});
  EXPECT_EQ(f.exit_code, 2);
  EXPECT_NE(f.err.find("--base-url must begin with"), std::string::npos) << f.err;
}

}  // namespace
}  // namespace mop::functional
