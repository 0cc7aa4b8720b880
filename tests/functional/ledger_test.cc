// `mop ledger` with the real program on a ledger that this test wrote, as `mop serve` would.
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/rng.h"
#include "mop/serve/ledger.h"
#include "mop/serve/schema.h"
#include "process.h"

namespace mop::functional {
namespace {

namespace bj = boost::json;
using market::Interval;

constexpr UnixMillis kStart = 1735689600000;  // 2025-01-01 00:00 UTC
constexpr int kCloses = 400;
const std::vector<double> kLevels{0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975};
const std::vector<double> kNormal{-1.96, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.96};

std::vector<double> table(double scale) {
  std::vector<double> rows;
  for (const double q : kNormal)
    rows.push_back(scale * q);
  rows.insert(rows.end(), rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(kNormal.size()));
  return rows;
}

// One random walk per coin and timeframe: closes 0..kCloses + 1.
std::vector<double> walk(std::uint64_t stream) {
  Rng rng(11, stream);
  std::vector<double> close{100.0};
  for (int n = 0; n <= kCloses; ++n)
    close.push_back(close.back() * std::exp(0.01 * rng.normal()));
  return close;
}

class LedgerVerbTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fresh_directory();
    write_series("BTCUSDT", Interval::k1h, 1, 'a');
    write_series("ETHUSDT", Interval::k15m, 2, 'b');
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  Finished run(std::vector<std::string> arguments) { return run_mop(directory_, arguments); }
  bj::value json_of(const Finished& f) {
    auto parsed = parse_json(f.out, "standard output");
    EXPECT_TRUE(parsed.has_value()) << f.out << f.err;
    return parsed ? *parsed : bj::value();
  }
  std::string db() const { return directory_ + "/mop.db"; }

  // Candles in the store and forecasts in the ledger; scored live, all but the last few candles.
  void write_series(const std::string& symbol, Interval interval, std::uint64_t stream, char model) {
    const std::vector<double> close = walk(stream);
    const DurationMillis length = market::length_of(interval);
    std::string csv =
        "open_time,open,high,low,close,volume,close_time,quote_volume,trades,taker_buy_base,taker_buy_"
        "quote\n";
    auto database = serve::open_database(db(), store::Access::kWrite);
    ASSERT_TRUE(database.has_value()) << database.error().message;
    ASSERT_TRUE(database->execute("PRAGMA synchronous = OFF"));
    auto ledger = serve::Ledger::open(*database);
    const serve::ModelRow m{std::string(64, model), interval,    symbol + "_model", 2,    kLevels,
                            table(0.0105),          table(1.03), table(0.98),       0.02, kStart - 1};
    ASSERT_TRUE(ledger->add_models({&m, 1}));
    for (int n = 0; n < static_cast<int>(close.size()); ++n) {
      const std::string text = fmt::format("{:.8f}", close[static_cast<std::size_t>(n)]);
      const double c = std::stod(text), high = std::stod(fmt::format("{:.8f}", 1.006 * c)),
                   low = std::stod(fmt::format("{:.8f}", 0.995 * c));
      csv += fmt::format("{},{},{:.8f},{:.8f},{},1,{},,,,\n", kStart + n * length, text, high, low, text,
                         kStart + (n + 1) * length - 1);
      if (n + 3 < static_cast<int>(close.size())) {
        const serve::ClosedCandle candle{symbol, interval, kStart + (n + 1) * length - 1, c, high, low};
        ASSERT_TRUE(ledger->score({&candle, 1}));
      }
      if (n < kCloses) append(*ledger, m, symbol, n, c);
    }
    write_file(fmt::format("{}/data/raw/{}_{}.csv", directory_, symbol, market::to_string(interval)), csv);
  }

  static void append(serve::Ledger& ledger, const serve::ModelRow& m, const std::string& symbol, int n,
                     double close) {
    serve::ForecastRow f;
    f.symbol = symbol;
    f.interval = m.interval;
    f.as_of = kStart + (n + 1) * market::length_of(m.interval) - 1;
    f.made_at = f.as_of + 120;
    f.close = close;
    f.tick_size = 0.01;
    f.sigma = 0.01 + 0.00003 * (n % 13);
    f.champion = n < kCloses / 2 ? "model" : "har";
    f.reason = n < kCloses / 2 ? "" : "the model, \"old\", expired";
    f.model_id = m.id;
    f.model_sha256 = m.sha256;
    f.input_hash = std::string(64, 'c');
    f.horizon = m.horizon;
    f.levels = m.levels;
    f.z = table(0.95 + 0.01 * (n % 7));
    f.p_up = {n % 3 == 0 ? 0.48 : 0.53, 0.5};
    if (n % 5 != 0) f.log_range = 0.011;
    f.har_scale = {1.0 + 0.01 * (n % 4), 0.97};
    const auto done = ledger.append({&f, 1}, {});
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }

  std::string directory_;
};

TEST_F(LedgerVerbTest, VerifyPrintsTheHeadThatProvesTheRowsLater) {
  const Finished f = run({"ledger", "verify", "--json"});
  ASSERT_EQ(f.exit_code, 0) << f.out << f.err;
  const bj::value report = json_of(f);
  EXPECT_EQ(report.at("rows"), 2 * kCloses + 2);
  EXPECT_EQ(report.at("forecasts"), 2 * kCloses);
  EXPECT_EQ(report.at("intact"), true);
  const std::string head = bj::value_to<std::string>(report.at("head"));
  const Finished again = run({"ledger", "verify", "--noted-head", head});
  EXPECT_EQ(again.exit_code, 0) << again.out;
  EXPECT_NE(again.out.find("every one as it was written"), std::string::npos) << again.out;
  EXPECT_EQ(run({"ledger", "verify", "--noted-head", std::string(64, '7')}).exit_code, 1);

  auto database = serve::open_database(db(), store::Access::kWrite);
  ASSERT_TRUE(
      database->execute("DROP TRIGGER forecasts_update; UPDATE forecasts SET p_up = z WHERE seq = 77"));
  const Finished tampered = run({"ledger", "verify"});
  EXPECT_EQ(tampered.exit_code, 1);
  EXPECT_NE(tampered.out.find("row 77 (forecast) was changed"), std::string::npos) << tampered.out;
}

TEST_F(LedgerVerbTest, ScoreComputesEverythingAnewAndShowsWhatDiffers) {
  const Finished f = run({"ledger", "score", "--json"});
  ASSERT_EQ(f.exit_code, 0) << f.out << f.err;
  const bj::value scores = json_of(f);
  EXPECT_EQ(scores.at("differing"), 0);
  EXPECT_GT(scores.at("not_stored").to_number<int>(), 0);
  ASSERT_EQ(scores.at("series").as_array().size(), 2u);
  const bj::value& btc = scores.at("series").at(0);
  EXPECT_EQ(btc.at("symbol"), "BTCUSDT");
  EXPECT_EQ(btc.at("n"), kCloses);
  for (const char* key : {"timeframe",
                          "champion",
                          "pinball",
                          "pinball_static",
                          "pinball_ewma",
                          "pinball_har",
                          "skill_vs_static_pct",
                          "skill_vs_ewma_pct",
                          "skill_vs_har_pct",
                          "coverage",
                          "direction_accuracy",
                          "direction_n",
                          "direction_ci95",
                          "dm_p_vs_har",
                          "first_as_of",
                          "last_as_of",
                          "steps",
                          "differing",
                          "not_stored",
                          "error"}) {
    EXPECT_TRUE(btc.as_object().contains(key)) << key;
  }
  EXPECT_NEAR(btc.at("coverage").at("90").to_number<double>(), 0.9, 0.06);
  EXPECT_EQ(scores.at("pooled").as_array().size(), 6u);  // 15m and 1h: mixed, har, model

  EXPECT_EQ(run({"ledger", "score", "--store"}).exit_code, 0);
  EXPECT_EQ(json_of(run({"ledger", "score", "--json"})).at("not_stored"), 0);
  {
    auto database = serve::open_database(db(), store::Access::kWrite);
    ASSERT_TRUE(database->execute("UPDATE scores SET pinball = pinball / 2 WHERE seq = 10"));
  }
  const Finished differing = run({"ledger", "score"});
  EXPECT_EQ(differing.exit_code, 1);
  EXPECT_NE(differing.out.find("first difference: forecast 10 (BTCUSDT 1h at"), std::string::npos)
      << differing.out;
  EXPECT_EQ(run({"ledger", "score", "--store", "--quiet"}).exit_code, 0);
  EXPECT_EQ(run({"ledger", "score", "--quiet"}).exit_code, 0);
  EXPECT_EQ(json_of(run({"ledger", "score", "--json", "--last", "50"})).at("series").at(0).at("n"), 50);

  std::filesystem::remove(directory_ + "/data/raw/ETHUSDT_15m.csv");
  const Finished partly = run({"ledger", "score"});
  EXPECT_EQ(partly.exit_code, 3) << partly.out;
  EXPECT_NE(partly.out.find("ETHUSDT 15m is not scored: "), std::string::npos) << partly.out;
}

TEST_F(LedgerVerbTest, AnotherProgramScoresTheExportAlike) {
  ASSERT_EQ(std::system("/usr/bin/python3 -c 'import pandas'"), 0)
      << "no python3-pandas: scripts/bootstrap.sh test";
  const Finished exported = run({"ledger", "export", "--out", "ledger.csv", "--json"});
  ASSERT_EQ(exported.exit_code, 0) << exported.out << exported.err;
  EXPECT_EQ(json_of(exported).at("rows"), 2 * 2 * kCloses);
  EXPECT_EQ(run({"ledger", "export"}).out, read_file(directory_ + "/ledger.csv"));
  // Only what is stored is exported: leave out what `score` would add.
  EXPECT_EQ(run({"ledger", "score", "--store", "--quiet"}).exit_code, 0);
  ASSERT_EQ(run({"ledger", "export", "--out", "ledger.csv"}).exit_code, 0);
  const Finished scores = run({"ledger", "score", "--json"});
  write_file(directory_ + "/scores.json", scores.out);
  const auto script = [&] {
    return std::system(fmt::format("/usr/bin/python3 {0}/tests/oracles/ledger_scores.py {1}/ledger.csv "
                                   "{1}/scores.json",
                                   MOP_SOURCE_DIR, directory_)
                           .c_str());
  };
  EXPECT_EQ(script(), 0);
  std::string changed = scores.out;
  const std::size_t at = changed.find("\"pinball_har\":0.") + std::string("\"pinball_har\":0.").size();
  changed[at] = changed[at] == '1' ? '2' : '1';
  write_file(directory_ + "/scores.json", changed);
  EXPECT_NE(script(), 0);
}

TEST_F(LedgerVerbTest, WrongUseIsOneSentence) {
  const auto refusal = [&](std::vector<std::string> arguments, int status, const std::string& text) {
    const Finished f = run(std::move(arguments));
    EXPECT_EQ(f.exit_code, status) << f.out << f.err;
    EXPECT_NE((f.out + f.err).find(text), std::string::npos) << f.out << f.err;
  };
  refusal({"ledger"}, 2, "mop ledger --help");
  refusal({"ledger", "check"}, 2, "mop ledger --help");
  refusal({"ledger", "verify", "--last", "5"}, 2, "--last belongs to `mop ledger score`");
  refusal({"ledger", "verify", "--symbols", "BTCUSDT"}, 2, "as a whole");
  refusal({"ledger", "export", "--json"}, 2, "--out FILE");
  refusal({"ledger", "export", "--since", "yesterday"}, 2, "2025-07-01");
  refusal({"ledger", "verify", "--db", "none.db"}, 1, "there is no database none.db");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/none.db"));
  write_file(directory_ + "/text.db", std::string(5000, 'x'));
  refusal({"ledger", "verify", "--db", "text.db"}, 1, "no SQLite database");
}

}  // namespace
}  // namespace mop::functional
