#include "mop/serve/ledger.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include "mop/base/clock.h"
#include "mop/market/symbol.h"
#include "mop/serve/ledger_chain.h"
#include "mop/serve/ledger_test_support.h"

namespace mop::serve {
namespace {

using market::Interval;
using store::Access;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr UnixMillis kForever = std::numeric_limits<UnixMillis>::max();

std::vector<ForecastRow> all_of(Ledger& ledger, std::string_view symbol, Interval interval = Interval::k1h) {
  std::vector<ForecastRow> rows;
  const Ledger::Visit add = [&](std::int64_t, const ForecastRow& row) -> Result<void> {
    rows.push_back(row);
    return {};
  };
  EXPECT_TRUE(ledger.visit(symbol, interval, 0, kForever, add).has_value());
  return rows;
}

TEST_F(LedgerTest, WhatIsAppendedIsReadBackBitForBit) {
  const ModelRow models[] = {test_model()};
  ASSERT_TRUE(ledger_->add_models(models));
  ForecastRow odd = test_forecast(2);
  odd.champion = "har";
  odd.reason = "demoted: \"worse\",\nthan har; \xc3\xa4";
  odd.log_range.reset();
  odd.z[0] = -0x1.fffffffffffffp+3;
  odd.z[13] = -0.0;
  const std::vector<ForecastRow> rows{test_forecast(1), odd};
  for (const ForecastRow& row : rows)
    ASSERT_TRUE(ledger_->append({&row, 1}, {}));
  open();
  EXPECT_EQ(all_of(*ledger_, "BTCUSDT"), rows);
  EXPECT_EQ(ledger_->newest_forecast("BTCUSDT", Interval::k1h).value(), odd);
  EXPECT_EQ(ledger_->model_of(odd).value(), models[0]);
  EXPECT_EQ(ledger_->last_close("BTCUSDT", Interval::k1h).value(), odd.as_of);
  EXPECT_EQ(ledger_->last_close("ETHUSDT", Interval::k1h).value(), std::nullopt);
  const LedgerReport r = report();
  EXPECT_TRUE(r.problems.empty()) << r.problems[0].what;
  EXPECT_EQ(r.rows, 3);
  EXPECT_EQ(r.forecasts, 2);
  EXPECT_EQ(r.models, 1);
}

TEST_F(LedgerTest, ACloseIsWrittenDownExactlyOnceAndInOrder) {
  fill(0, 3);
  const auto refusal = [&](const std::vector<ForecastRow>& rows, const std::vector<MissedRow>& missed) {
    const auto done = ledger_->append(rows, missed);
    EXPECT_FALSE(done.has_value());
    return done ? "" : done.error().message;
  };
  EXPECT_NE(refusal({test_forecast(2)}, {}).find("exactly once"), std::string::npos);
  EXPECT_NE(refusal({}, {test_missed(2)}).find("exactly once"), std::string::npos);
  EXPECT_NE(refusal({test_forecast(3), test_forecast(3)}, {}).find("exactly once"), std::string::npos);
  EXPECT_NE(refusal({test_forecast(3)}, {test_missed(3)}).find("exactly once"), std::string::npos);
  EXPECT_NE(refusal({test_forecast(1)}, {}).find("in order"), std::string::npos);
  // Other series and missed closes in front are fine, all at once.
  const std::vector<ForecastRow> rows{test_forecast(5), test_forecast(5, "ETHUSDT")};
  const std::vector<MissedRow> missed{test_missed(3), test_missed(4)};
  ASSERT_TRUE(ledger_->append(rows, missed));
  const LedgerReport r = report();
  EXPECT_TRUE(r.problems.empty()) << r.problems[0].what;
  EXPECT_EQ(r.forecasts, 5);
  EXPECT_EQ(r.missed, 2);
}

TEST_F(LedgerTest, ARefusedRowTakesItsWholeCloseWithIt) {
  fill(0, 2);
  const std::string before = report().head;
  ForecastRow bad = test_forecast(2, "SOLUSDT");
  bad.model_sha256 = hex_of('b');
  const std::vector<ForecastRow> rows{test_forecast(2), test_forecast(2, "ETHUSDT"), bad};
  const auto done = ledger_->append(rows, {});
  ASSERT_FALSE(done.has_value());
  EXPECT_NE(done.error().message.find("not in the ledger"), std::string::npos) << done.error().message;
  EXPECT_EQ(report().head, before);
}

TEST_F(LedgerTest, ARowWithoutHarTermsIsKeptAsItIs) {
  fill(0, 1);
  ForecastRow row = test_forecast(1);
  row.har_scale.clear();
  ASSERT_TRUE(ledger_->append({&row, 1}, {}));
  EXPECT_EQ(ledger_->newest_forecast("BTCUSDT", Interval::k1h).value(), row);
  EXPECT_TRUE(report().problems.empty());
  row = test_forecast(2);
  row.har_scale.pop_back();
  EXPECT_FALSE(ledger_->append({&row, 1}, {}));
}

struct BadRow {
  const char* says;
  void (*spoil)(ForecastRow&);
};

TEST_F(LedgerTest, RowsThatCannotBeTrueAreRefused) {
  fill(0, 1);
  const std::string before = report().head;
  const BadRow bad[] = {
      {"before the candle it speaks of closes", [](ForecastRow& f) { f.made_at = f.as_of + kHour; }},
      {"made_at", [](ForecastRow& f) { f.made_at = f.as_of - 1; }},
      {"as_of", [](ForecastRow& f) { f.as_of += 1; }},
      {"z[4] must be finite", [](ForecastRow& f) { f.z[4] = kNaN; }},
      {"z[1] must not be below", [](ForecastRow& f) { f.z[1] = f.z[0] - 1e-9; }},
      {"z must have 27", [](ForecastRow& f) { f.z.pop_back(); }},
      {"p_up[1] must lie in 0..1, was 1.5", [](ForecastRow& f) { f.p_up[1] = 1.5; }},
      {"sigma", [](ForecastRow& f) { f.sigma = 0.0; }},
      {"close", [](ForecastRow& f) { f.close = std::numeric_limits<double>::infinity(); }},
      {"tick_size", [](ForecastRow& f) { f.tick_size = -0.01; }},
      {"log_range", [](ForecastRow& f) { f.log_range = kNaN; }},
      {"har_scale[2]", [](ForecastRow& f) { f.har_scale[2] = 0.0; }},
      {"champion must be one of", [](ForecastRow& f) { f.champion = "oracle"; }},
      {"symbol must be a coin", [](ForecastRow& f) { f.symbol = "FOOUSDT"; }},
      {"input_hash", [](ForecastRow& f) { f.input_hash = "ABC"; }},
      {"reason", [](ForecastRow& f) { f.reason = std::string(1001, 'x'); }},
      {"levels of its model", [](ForecastRow& f) { f.levels[0] = 0.01; }},
      {"id, horizon and levels of its model", [](ForecastRow& f) { f.model_id = "ETHUSDT_1h"; }},
  };
  for (const BadRow& b : bad) {
    ForecastRow row = test_forecast(1);
    b.spoil(row);
    const auto done = ledger_->append({&row, 1}, {});
    ASSERT_FALSE(done.has_value()) << b.says;
    EXPECT_NE(done.error().message.find(b.says), std::string::npos) << done.error().message;
  }
  MissedRow early = test_missed(1);
  early.noted_at = early.as_of - 1;
  EXPECT_FALSE(ledger_->append({}, {&early, 1}));
  EXPECT_EQ(report().head, before);
  ForecastRow last_moment = test_forecast(1);
  last_moment.made_at = last_moment.as_of + kHour - 1;
  EXPECT_TRUE(ledger_->append({&last_moment, 1}, {}));
}

TEST_F(LedgerTest, AModelIsWrittenOnceAndNeverWithOtherBaselines) {
  const ModelRow models[] = {test_model('a'), test_model('a', Interval::k15m), test_model('b'),
                             test_model('a')};
  ASSERT_TRUE(ledger_->add_models(models));
  ASSERT_TRUE(ledger_->add_models(models));
  EXPECT_EQ(report().models, 3);
  ModelRow other = test_model('a');
  other.har_residual[5] += 1e-12;
  const auto done = ledger_->add_models({&other, 1});
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, ErrorCode::kRefused);
  EXPECT_NE(done.error().message.find("other baselines"), std::string::npos);
  ModelRow nan = test_model('c');
  nan.ewma_z[3] = kNaN;
  EXPECT_FALSE(ledger_->add_models({&nan, 1}));
}

TEST_F(LedgerTest, TheTablesThemselvesForbidChangingThePast) {
  fill(0, 2);
  for (const char* sql : {"UPDATE forecasts SET close = 1", "DELETE FROM forecasts",
                          "UPDATE chain SET hash = ''", "DELETE FROM chain", "UPDATE models SET horizon = 2",
                          "DELETE FROM models", "DELETE FROM missed WHERE seq = 99"}) {
    const auto done = database_->execute(sql);
    if (std::string_view(sql).find("missed") != std::string_view::npos)
      continue;  // no row, nothing to forbid
    ASSERT_FALSE(done.has_value()) << sql;
    EXPECT_NE(done.error().message.find("append-only"), std::string::npos) << done.error().message;
  }
}

// Each tampering starts from this ledger: a model (row 1), forecasts (2..4), a missed close (5), a forecast
// (6).
class TamperTest : public LedgerTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    fill(0, 3);
    const ForecastRow after = test_forecast(4);
    const MissedRow missed = test_missed(3);
    ASSERT_TRUE(ledger_->append({&after, 1}, {&missed, 1}));
    untouched_ = report();
    ASSERT_TRUE(untouched_.problems.empty());
    ASSERT_EQ(untouched_.rows, 6);
  }
  void expect_problem(std::int64_t seq, std::string_view text) {
    const LedgerReport r = report();
    ASSERT_FALSE(r.problems.empty());
    EXPECT_EQ(r.problems[0].seq, seq) << r.problems[0].what;
    EXPECT_NE(r.problems[0].what.find(text), std::string::npos) << r.problems[0].what;
  }
  // Makes the chain fit the rows again: somebody who changed the past and knows the format.
  void forge_chain() {
    std::string sql, head(kFirstHash);
    std::int64_t seq = 0;
    for (int row = 1; row <= 10; ++row) {
      for (const ChainedTable& t : kChainedTables) {
        auto select =
            database_->prepare(fmt::format("SELECT {} FROM {} WHERE seq = {}", t.columns, t.table, row));
        auto rows = select.value().query({});
        if (!rows.next().value()) continue;
        std::vector<store::Value> columns;
        for (int c = 0; c < t.count; ++c)
          columns.push_back(rows.value(c));
        head = chain_hash(head, t.kind, ++seq, columns);
        sql += fmt::format("INSERT INTO chain VALUES ({}, '{}', '{}');", seq, t.kind, head);
      }
    }
    tamper("DELETE FROM chain;" + sql);
  }
  LedgerReport untouched_;
};

// One column after the other, so that every one is seen to be hashed.
TEST_F(TamperTest, AChangeInAnyColumnOfAnyTableIsFound) {
  tamper("");
  int columns = 0;
  for (const auto& [t, seq] :
       {std::pair{kModelTable, 1}, std::pair{kForecastTable, 3}, std::pair{kMissedTable, 5}}) {
    auto select = database_->prepare(fmt::format("SELECT name FROM pragma_table_info('{}')", t.table));
    auto rows = select.value().query({});
    while (rows.next().value()) {
      const std::string name = rows.text(0);
      if (name == "seq") continue;
      const std::string changed = fmt::format(
          "CASE typeof({0}) WHEN 'integer' THEN {0} + 1 WHEN 'real' THEN {0} * 1.0000000000000005 WHEN "
          "'text' "
          "THEN {0} || ' ' ELSE CAST(x'00' || substr({0}, 2) AS BLOB) END",
          name);
      ASSERT_TRUE(
          database_->execute(fmt::format("SAVEPOINT untouched; UPDATE {} SET {} = {} WHERE seq = {}", t.table,
                                         name, name == "interval" ? "'15m'" : changed, seq)));
      expect_problem(seq, "was changed");
      ASSERT_TRUE(database_->execute("ROLLBACK TO untouched; RELEASE untouched"));
      ++columns;
    }
  }
  EXPECT_EQ(columns, 30);
  EXPECT_TRUE(report(untouched_.head).problems.empty());
}

TEST_F(TamperTest, DeletedRowsAreFound) {
  tamper("DELETE FROM forecasts WHERE seq = 3; DELETE FROM chain WHERE seq = 3");
  expect_problem(4, "row 3 is missing");
}

TEST_F(TamperTest, ARowDeletedFromItsTableAloneIsFound) {
  tamper("DELETE FROM missed WHERE seq = 5");
  expect_problem(5, "not in the table missed");
}

TEST_F(TamperTest, ARowSlippedInWithoutALinkIsFound) {
  tamper("INSERT INTO missed VALUES (7, 'BTCUSDT', '1h', 1735711199999, 1735711199999, 'x')");
  expect_problem(7, "slipped in");
}

TEST_F(TamperTest, ARowSlippedInWithALinkIsFound) {
  tamper(
      fmt::format("INSERT INTO missed VALUES (7, 'BTCUSDT', '1h', {0}, {0}, 'x'); "
                  "INSERT INTO chain VALUES (7, 'missed', '{1}')",
                  close_of(5), hex_of('0')));
  expect_problem(7, "was changed");
}

TEST_F(TamperTest, RowsThatChangedPlacesAreFound) {
  tamper(
      "UPDATE forecasts SET seq = 99 WHERE seq = 3; UPDATE forecasts SET seq = 3 WHERE seq = 4;"
      "UPDATE forecasts SET seq = 4 WHERE seq = 99");
  expect_problem(3, "was changed");
  tamper("UPDATE chain SET hash = (SELECT hash FROM chain WHERE seq = 5) WHERE seq = 6");
  expect_problem(3, "was changed");
}

TEST_F(TamperTest, AChangedBaselineIsFound) {
  tamper("UPDATE models SET har_residual = CAST(x'00' || substr(har_residual, 2) AS BLOB)");
  expect_problem(1, "row 1 (model) was changed");
}

TEST_F(TamperTest, ANotedHeadShowsACutTailAndARewrittenPast) {
  EXPECT_TRUE(report(untouched_.head).problems.empty());
  tamper("UPDATE forecasts SET reason = 'prettier' WHERE seq = 4");
  forge_chain();
  EXPECT_TRUE(report().problems.empty());
  LedgerReport r = report(untouched_.head);
  ASSERT_EQ(r.problems.size(), 1u);
  EXPECT_NE(r.problems[0].what.find("no row of this chain"), std::string::npos);
  tamper("UPDATE forecasts SET reason = '' WHERE seq = 4");
  forge_chain();
  EXPECT_TRUE(report(untouched_.head).problems.empty());
  tamper("DELETE FROM forecasts WHERE seq = 6; DELETE FROM chain WHERE seq = 6");
  EXPECT_TRUE(report().problems.empty());
  EXPECT_EQ(report(untouched_.head).problems.size(), 1u);
}

// The rules hold on their own, also where the chain was forged to fit.
TEST_F(TamperTest, AForgedChainDoesNotHideAForecastAfterTheFact) {
  tamper(fmt::format("UPDATE forecasts SET made_at = as_of + {} WHERE seq = 4", kHour));
  forge_chain();
  expect_problem(4, "not made between its close and the one it speaks of");
}

TEST_F(TamperTest, AForgedChainDoesNotHideAGap) {
  tamper("DELETE FROM missed; UPDATE forecasts SET seq = 5 WHERE seq = 6");
  forge_chain();
  expect_problem(5, "1 closes before it are neither forecast nor missed");
}

TEST_F(TamperTest, AForgedChainDoesNotHideACloseThatIsTwice) {
  tamper(fmt::format("UPDATE missed SET as_of = {} WHERE seq = 5", close_of(2)));
  forge_chain();
  expect_problem(5, "this close is in row 4 already");
}

TEST_F(TamperTest, AForgedChainDoesNotHideAnotherOrder) {
  tamper(
      "UPDATE forecasts SET seq = 99 WHERE seq = 2; UPDATE forecasts SET seq = 2 WHERE seq = 3;"
      "UPDATE forecasts SET seq = 3 WHERE seq = 99");
  forge_chain();
  expect_problem(2, "stands before the row of the close before it (3)");
}

TEST_F(TamperTest, AForgedChainDoesNotHideAModelWrittenLater) {
  tamper("UPDATE models SET seq = 7 WHERE seq = 1");
  forge_chain();  // closes the hole at 1, so rows move up by one in the chain but not in their tables
  tamper(
      "UPDATE models SET seq = 100; UPDATE forecasts SET seq = seq - 1; UPDATE missed SET seq = seq - 1;"
      "UPDATE models SET seq = 6");
  forge_chain();
  expect_problem(1, "names a model that was not written down before it");
}

// docs/formats/ledger.md is enough to verify a ledger: the script knows nothing else.
TEST_F(TamperTest, AStrangersScriptAgrees) {
  ASSERT_EQ(::access("/usr/bin/python3", X_OK), 0) << "no /usr/bin/python3: scripts/bootstrap.sh test";
  const auto run = [&] {
    const std::string command =
        fmt::format("/usr/bin/python3 {}/tests/oracles/ledger_chain.py {} 2>&1", MOP_SOURCE_DIR, path_);
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string out;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe))
      out += static_cast<char>(c);
    return std::pair{::pclose(pipe) == 0, out};
  };
  EXPECT_EQ(run(), std::pair(true, fmt::format("6 rows, head {}\n", untouched_.head)));
  tamper("UPDATE forecasts SET log_range = NULL WHERE seq = 4");
  EXPECT_EQ(run(), std::pair(false, std::string("row 4 is not as it was written\n")));
}

TEST_F(LedgerTest, ReadingOpensNothingThatIsNotALedger) {
  const auto missing = open_database(dir_ + "/none.db", Access::kRead);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/none.db"));
  fill(0, 2);
  auto database = open_database(path_, Access::kRead);
  ASSERT_TRUE(database.has_value()) << database.error().message;
  auto ledger = Ledger::open(*database);
  EXPECT_EQ(ledger.value().verify().value().rows, 3);
  const ForecastRow row = test_forecast(2);
  EXPECT_FALSE(ledger.value().append({&row, 1}, {}));
  EXPECT_TRUE(ledger_->append({&row, 1}, {}));  // a reader does not stop the writer
}

// 50 series at one close is what `serve` writes; it must not cost the forecast its timeliness.
TEST_F(LedgerTest, ACloseOfFiftySeriesIsDurableInMilliseconds) {
  durable_ = true;
  open();
  const ModelRow models[] = {test_model(), test_model('a', Interval::k15m)};
  ASSERT_TRUE(ledger_->add_models(models));
  std::vector<std::string> coins;
  for (const market::Symbol& s : market::fleet_symbols())
    coins.emplace_back(s.name);
  std::vector<std::int64_t> micros;
  for (int hour = 0; hour < 50; ++hour) {
    std::vector<ForecastRow> rows;
    for (const std::string& coin : coins) {
      rows.push_back(test_forecast(hour, coin));
      rows.push_back(test_forecast(4 * hour, coin, Interval::k15m));
      rows.back().as_of = close_of(hour, Interval::k1h);
      rows.back().made_at = rows.back().as_of + 1;
    }
    const std::int64_t start = monotonic_micros();
    const auto done = ledger_->append(rows, {});
    micros.push_back(monotonic_micros() - start);
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  std::sort(micros.begin(), micros.end());
  RecordProperty("median_us", static_cast<int>(micros[25]));
  RecordProperty("worst_us", static_cast<int>(micros.back()));
  std::printf("append of 50 forecasts: median %.1f ms, worst %.1f ms\n",
              static_cast<double>(micros[25]) / 1e3, static_cast<double>(micros.back()) / 1e3);
  EXPECT_LT(micros[25], 200'000);  // generous: sanitizers, a busy machine
}

}  // namespace
}  // namespace mop::serve
