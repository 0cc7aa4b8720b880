// Wrong usage and bad files: one clear sentence, the right exit status, nothing stored is lost.
#include <filesystem>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "process.h"

namespace mop::functional {
namespace {

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override { directory_ = fresh_directory(); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  Finished run(std::vector<std::string> arguments) { return run_mop(directory_, arguments); }

  // The program must say no with this status, in one line that holds `text`.
  void expect_refusal(const Finished& f, int status, const std::string& text) {
    EXPECT_EQ(f.exit_code, status) << f.out << f.err;
    EXPECT_NE(f.err.find(text), std::string::npos) << f.err;
    EXPECT_TRUE(f.err.starts_with("mop: ")) << f.err;
  }
  std::string directory_;
};

TEST_F(BadInputTest, WrongUsageExitsWith2) {
  expect_refusal(run({"stats", "--symbols", "BTCUSDX"}), 2, "BTCUSDT");  // suggests the nearest
  expect_refusal(run({"predict", "BTCUSDT", "--timeframe", "5m"}), 2, "timeframe must be 15m or 1h");
  expect_refusal(run({"canaries", "--seeds", "5"}), 2, "--seeds");
  expect_refusal(run({"canaries", "--profile", "best"}), 2, "--profile");
  expect_refusal(run({"stats", "--timeframes", "1H"}), 2, "timeframe must be 15m or 1h");
  expect_refusal(run({"train", "--kinds", "4h"}), 2, "model kind must be");
  expect_refusal(run({"train", "--shard", "3/2"}), 2, "--shard");
  expect_refusal(run({"evaluate", "--split", "yesterday"}), 2, "2025-07-01");
  expect_refusal(run({"frobnicate"}), 2, "--help");
  expect_refusal(run({"fetch", "--no-such-flag"}), 2, "mop fetch --help");
}

TEST_F(BadInputTest, JsonErrorsAreOneDocument) {
  const Finished f = run({"predict", "BTCUSD", "--json"});
  EXPECT_EQ(f.exit_code, 2);
  const auto document = parse_json(f.out, "output");
  ASSERT_TRUE(document.has_value()) << f.out;
  EXPECT_EQ(document->at("error").at("code"), "invalid_argument");
  const Finished usage = run({"predict", "--json"});
  EXPECT_EQ(usage.exit_code, 2);
  EXPECT_TRUE(parse_json(usage.out, "output").has_value()) << usage.out;
}

TEST_F(BadInputTest, UnknownSettingsAreNamedWithTheKnownOnes) {
  write_file(directory_ + "/mop.toml", "[data]\nsymbol = \"BTCUSDT\"\n");
  expect_refusal(run({"stats"}), 2, "mop.toml:2: unknown key 'symbol' in [data]; known keys:");
  write_file(directory_ + "/mop.toml", "[model]\nx = 1\n");
  expect_refusal(run({"stats"}), 2, "unknown section 'model'");
  write_file(directory_ + "/mop.toml", "[v1]\nlookback = \"long\"\n");
  expect_refusal(run({"stats"}), 2, "v1.lookback must be a whole number 2..2000");
  write_file(directory_ + "/mop.toml", "[v1\n");
  expect_refusal(run({"stats"}), 2, "not valid TOML");
  expect_refusal(run({"stats", "--config", "none.toml"}), 1, "none.toml");
}

TEST_F(BadInputTest, TheShippedSettingsAreTheDefaults) {
  std::filesystem::copy(std::string(MOP_SOURCE_DIR) + "/mop.toml", directory_ + "/mop.toml");
  EXPECT_EQ(run({"stats"}).exit_code, run({"stats", "--json"}).exit_code);
  EXPECT_EQ(run({"features", "--list"}).exit_code, 0);
}

TEST_F(BadInputTest, MissingDataAndModelsSayTheNextStep) {
  expect_refusal(run({"predict", "BTCUSDT"}), 1, "mop train --symbols BTCUSDT");
  expect_refusal(run({"features", "BTCUSDT"}), 1, "mop fetch --symbols BTCUSDT");
  expect_refusal(run({"evaluate", "--split", "2025-07-01", "--symbols", "BTCUSDT"}), 1, "mop train");
  expect_refusal(run({"train", "--symbols", "BTCUSDT", "--device", "cuda"}), 1, "--device cpu");
}

const char* const kHeader = "open_time,open,high,low,close,volume\n";
const char* const kGood = "1735689600000,10,12,9,11,5\n1735693200000,11,13,10,12,5\n";

struct BadFile {
  const char* what;
  const char* text;
  const char* says;
};

class BadCsvTest : public BadInputTest, public testing::WithParamInterface<BadFile> {};

TEST_P(BadCsvTest, IsRefusedWholeAndNothingStoredChanges) {
  write_file(directory_ + "/good/BTCUSDT_1h.csv", std::string(kHeader) + kGood);
  ASSERT_EQ(run({"import", "--from", "good/BTCUSDT_1h.csv"}).exit_code, 0);
  const std::string stored = read_file(directory_ + "/data/raw/BTCUSDT_1h.csv");
  ASSERT_NE(stored.find("1735693200000,11,13,10,12,5,1735696799999"), std::string::npos) << stored;

  write_file(directory_ + "/bad/BTCUSDT_1h.csv", GetParam().text);
  const Finished f = run({"import", "--from", "bad/BTCUSDT_1h.csv"});
  EXPECT_EQ(f.exit_code, 1) << f.out << f.err;
  EXPECT_NE((f.out + f.err).find(GetParam().says), std::string::npos) << f.out << f.err;
  EXPECT_EQ(read_file(directory_ + "/data/raw/BTCUSDT_1h.csv"), stored);
}

INSTANTIATE_TEST_SUITE_P(
    Files, BadCsvTest,
    testing::Values(BadFile{"TornLastLine",
                            "open_time,open,high,low,close,volume\n1735696800000,12,13,11,12,5\n17357004000",
                            "line 3"},
                    BadFile{"NotANumber",
                            "open_time,open,high,low,close,volume\n1735696800000,12,NaN,11,12,5\n", "line 2"},
                    BadFile{"HighBelowLow",
                            "open_time,open,high,low,close,volume\n1735696800000,12,10,11,12,5\n", "line 2"},
                    BadFile{"Descending",
                            "open_time,open,high,low,close,volume\n1735700400000,12,13,11,12,"
                            "5\n1735696800000,12,13,11,12,5\n",
                            "line 3"},
                    BadFile{"Duplicate",
                            "open_time,open,high,low,close,volume\n1735696800000,12,13,11,12,"
                            "5\n1735696800000,12,13,11,12.5,5\n",
                            "line 3"},
                    BadFile{"OffTheGrid",
                            "open_time,open,high,low,close,volume\n1735696800001,12,13,11,12,5\n", "line 2"},
                    BadFile{"HeaderOnly", "open_time,open,high,low,close,volume\n", "no finished candle"},
                    BadFile{"UnknownHeader", "a,b,c\n1,2,3\n", "header"}),
    [](const auto& tested) { return std::string(tested.param.what); });

TEST_F(BadInputTest, MicrosecondsAndCrlfAreRead) {
  write_file(directory_ + "/in/BTCUSDT_1h.csv",
             "open_time,open,high,low,close,volume\r\n1735689600000000,10,12,9,11,5\r\n1735693200000000,11,"
             "13,10,12,5\r\n");
  ASSERT_EQ(run({"import", "--from", "in"}).exit_code, 0);
  EXPECT_NE(
      read_file(directory_ + "/data/raw/BTCUSDT_1h.csv").find("\n1735689600000,10,12,9,11,5,1735693199999,"),
      std::string::npos);
}

TEST_F(BadInputTest, TooFewCandlesForOneWindowSaySo) {
  write_file(directory_ + "/in/BTCUSDT_1h.csv", std::string(kHeader) + kGood);
  ASSERT_EQ(run({"import", "--from", "in"}).exit_code, 0);
  const Finished f = run({"train", "--symbols", "BTCUSDT", "--kinds", "1h"});
  EXPECT_EQ(f.exit_code, 1);
  EXPECT_NE((f.out + f.err).find("too few"), std::string::npos) << f.out << f.err;
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/models/BTCUSDT_1h.safetensors"));
}

TEST_F(BadInputTest, EveryVerbTeaches) {
  const Finished all = run({"--help"});
  EXPECT_EQ(all.exit_code, 0);
  for (const char* verb :
       {"fetch", "import", "stats", "verify", "features", "train", "evaluate", "predict", "sim"}) {
    EXPECT_NE(all.out.find(verb), std::string::npos) << verb;
    const Finished help = run({verb, "--help"});
    EXPECT_EQ(help.exit_code, 0) << verb;
    EXPECT_NE(help.out.find("Example"), std::string::npos) << verb;
  }
  const Finished version = run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_TRUE(version.out.starts_with("mop 0.")) << version.out;
}

}  // namespace
}  // namespace mop::functional
