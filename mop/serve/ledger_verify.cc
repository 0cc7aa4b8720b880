// Is the ledger as it was written, and does it hold what it promises?
#include <algorithm>

#include <fmt/format.h>

#include "mop/serve/ledger.h"
#include "mop/serve/ledger_chain.h"

namespace mop::serve {
namespace {

using store::Database;
using store::Rows;
using store::Statement;
using store::Value;

constexpr std::size_t kMostProblems = 100;  // of each kind; who has more has one cause

// Walks the chain from its first row; stops at the first broken link, behind which nothing is proved.
class ChainWalk {
 public:
  static Result<ChainWalk> open(Database& database) {
    std::vector<Statement> tables;
    for (const ChainedTable& t : kChainedTables) {
      MOP_TRY_ASSIGN(auto select,
                     database.prepare(fmt::format("SELECT {} FROM {} WHERE seq = ?1", t.columns, t.table)));
      tables.push_back(std::move(select));
    }
    MOP_TRY_ASSIGN(auto chain, database.prepare("SELECT seq, kind, hash FROM chain ORDER BY seq"));
    return ChainWalk(std::move(chain), std::move(tables));
  }

  Result<void> run(std::string_view noted_head, LedgerReport& report) {
    std::string previous(kFirstHash);
    bool noted = noted_head.empty();
    Rows rows = chain_.query({});
    while (true) {
      MOP_TRY_ASSIGN(const bool more, rows.next());
      if (!more) break;
      const std::int64_t seq = rows.integer(0);
      MOP_TRY_ASSIGN(const std::string broken,
                     check(seq, report.rows + 1, rows.text(1), rows.text(2), previous));
      if (!broken.empty()) {
        report.problems.push_back({seq, broken});
        return {};
      }
      ++report.rows;
      previous = rows.text(2);
      noted = noted || previous == noted_head;
    }
    report.head = previous;
    if (!noted) {
      report.problems.push_back(
          {report.rows, fmt::format("the noted head {} is no row of this chain: rows were cut "
                                    "off its end, or the chain was written anew",
                                    noted_head)});
    }
    return {};
  }

 private:
  ChainWalk(Statement chain, std::vector<Statement> tables)
      : chain_(std::move(chain)), tables_(std::move(tables)) {}

  // What is wrong with one row; "" when nothing.
  Result<std::string> check(std::int64_t seq, std::int64_t expected, const std::string& kind,
                            const std::string& hash, const std::string& previous) {
    if (seq != expected) return fmt::format("row {} is missing: the next one is {}", expected, seq);
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      if (kChainedTables[i].kind != kind) continue;
      Rows row = tables_[i].query({seq});
      MOP_TRY_ASSIGN(const bool there, row.next());
      if (!there)
        return fmt::format("row {} ({}) is in the chain, but not in the table {}", seq, kind,
                           kChainedTables[i].table);
      std::vector<Value> columns;
      columns.reserve(static_cast<std::size_t>(kChainedTables[i].count));
      for (int c = 0; c < kChainedTables[i].count; ++c)
        columns.push_back(row.value(c));
      const std::string computed = chain_hash(previous, kind, seq, columns);
      if (computed == hash) return std::string();
      return fmt::format(
          "row {} ({}) was changed, or its place in the chain was: its hash is {}, computed {}", seq, kind,
          hash, computed);
    }
    return fmt::format("row {} is of an unknown kind '{}'", seq, kind);
  }

  Statement chain_;
  std::vector<Statement> tables_;
};

// Each row that the query gives is a problem: its number, then what names the row to people.
Result<void> list_problems(Database& database, const std::string& sql, std::string_view what,
                           LedgerReport& report) {
  MOP_TRY_ASSIGN(Statement statement, database.prepare(fmt::format("{} LIMIT {}", sql, kMostProblems)));
  Rows rows = statement.query({});
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    report.problems.push_back(
        {rows.integer(0), fmt::format("row {}, {}: {}", rows.integer(0), rows.text(1), what)});
  }
}

Result<void> check_links(Database& database, LedgerReport& report) {
  for (const ChainedTable& t : kChainedTables) {
    const std::string name = t.kind == kModelTable.kind ? "t.id" : "t.symbol || ' ' || t.interval";
    MOP_TRY(list_problems(
        database,
        fmt::format("SELECT t.seq, {} FROM {} AS t LEFT JOIN chain AS c ON c.seq = t.seq AND "
                    "c.kind = '{}' WHERE c.seq IS NULL ORDER BY t.seq",
                    name, t.table, t.kind),
        fmt::format("stands in the table {} and not in the chain: it was slipped in", t.table), report));
  }
  return {};
}

Result<void> check_forecasts(Database& database, LedgerReport& report) {
  for (const market::Interval interval : market::kIntervals) {
    MOP_TRY(list_problems(
        database,
        fmt::format("SELECT seq, symbol || ' ' || interval FROM forecasts WHERE interval = '{}' AND "
                    "(made_at >= as_of + {} OR made_at < as_of) ORDER BY seq",
                    market::to_string(interval), market::length_of(interval)),
        "was not made between its close and the one it speaks of", report));
  }
  return list_problems(
      database,
      "SELECT f.seq, f.symbol || ' ' || f.interval FROM forecasts AS f LEFT JOIN models AS m ON "
      "m.sha256 = f.model_sha256 AND m.interval = f.interval WHERE m.seq IS NULL OR m.seq > f.seq "
      "ORDER BY f.seq",
      "names a model that was not written down before it", report);
}

// Between its first and last close a series has each close once, in the order of the chain.
Result<void> check_closes(Database& database, LedgerReport& report) {
  MOP_TRY_ASSIGN(
      Statement statement,
      database.prepare("SELECT seq, symbol, interval, as_of FROM (SELECT seq, symbol, interval, as_of FROM "
                       "forecasts UNION ALL SELECT seq, symbol, interval, as_of FROM missed) "
                       "ORDER BY symbol, interval, as_of, seq"));
  store::SeriesKey series{"", market::Interval::k1h};
  std::int64_t last_seq = 0;
  UnixMillis last = 0;
  std::size_t found = 0;
  Rows rows = statement.query({});
  while (found < kMostProblems) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    const std::int64_t seq = rows.integer(0);
    MOP_TRY_ASSIGN(const market::Interval interval, market::parse_interval(rows.text(2)));
    const UnixMillis as_of = rows.integer(3);
    const std::string close = close_text(rows.text(1), interval, as_of);
    const std::size_t before = report.problems.size();
    if (series == store::SeriesKey{rows.text(1), interval}) {
      if (as_of == last) {
        report.problems.push_back(
            {seq, fmt::format("row {}, {}: this close is in row {} already", seq, close, last_seq)});
      } else if (seq < last_seq) {
        report.problems.push_back(
            {seq, fmt::format("row {}, {}: stands before the row of the close before it ({})", seq, close,
                              last_seq)});
      } else if (as_of - last != market::length_of(interval)) {
        report.problems.push_back(
            {seq, fmt::format("row {}, {}: {} closes before it are neither forecast nor missed", seq, close,
                              (as_of - last) / market::length_of(interval) - 1)});
      }
    }
    found += report.problems.size() - before;
    series = {rows.text(1), interval};
    last = as_of;
    last_seq = seq;
  }
  return {};
}

Result<void> count_rows(Database& database, LedgerReport& report) {
  MOP_TRY_ASSIGN(Statement statement,
                 database.prepare("SELECT (SELECT count(*) FROM models), (SELECT count(*) FROM "
                                  "forecasts), (SELECT count(*) FROM missed)"));
  Rows rows = statement.query({});
  MOP_TRY(rows.next());
  report.models = rows.integer(0);
  report.forecasts = rows.integer(1);
  report.missed = rows.integer(2);
  return {};
}

// Steps of one forecast without a score, among the first `due`.
Result<void> list_unscored(Statement& scores, std::int64_t seq, UnixMillis as_of, std::int64_t due,
                           UnscoredSteps& out) {
  std::int64_t expected = 1;
  Rows rows = scores.query({seq});
  while (expected <= due) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    const std::int64_t step = more ? rows.integer(0) : due + 1;
    for (; expected < step && expected <= due; ++expected) {
      const UnixMillis closes = as_of + expected * market::length_of(out.series.interval);
      out.first = out.steps == 0 ? closes : std::min(out.first, closes);
      out.last = std::max(out.last, closes);
      ++out.steps;
    }
    expected = step + 1;
  }
  return {};
}

Result<void> check_scores(Database& database, const store::SeriesKey& series, LedgerReport& report) {
  MOP_TRY_ASSIGN(Statement newest,
                 database.prepare("SELECT max(f.as_of + ?3 * s.step) FROM forecasts AS f JOIN scores AS s ON "
                                  "s.seq = f.seq WHERE f.symbol = ?1 AND f.interval = ?2"));
  MOP_TRY_ASSIGN(Statement forecasts,
                 database.prepare("SELECT seq, as_of, length(p_up) / 8 FROM forecasts WHERE symbol = ?1 AND "
                                  "interval = ?2 AND as_of < ?3 ORDER BY as_of"));
  MOP_TRY_ASSIGN(Statement scores, database.prepare("SELECT step FROM scores WHERE seq = ?1 ORDER BY step"));
  const DurationMillis length = market::length_of(series.interval);
  const std::string_view interval = market::to_string(series.interval);
  UnixMillis until = 0;  // close of the newest candle that scored anything; 0 when none did
  {
    Rows rows = newest.query({series.symbol, interval, length});
    MOP_TRY(rows.next());
    until = rows.integer(0);
  }
  UnscoredSteps unscored{series, 0, 0, 0};
  Rows rows = forecasts.query({series.symbol, interval, until});
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    const std::int64_t due = std::min((until - rows.integer(1)) / length, rows.integer(2));
    MOP_TRY(list_unscored(scores, rows.integer(0), rows.integer(1), due, unscored));
  }
  if (unscored.steps > 0) report.unscored.push_back(unscored);
  return {};
}

}  // namespace

Result<LedgerReport> Ledger::verify(std::string_view noted_head) {
  MOP_TRY(database_->check_integrity());
  LedgerReport report;
  MOP_TRY_ASSIGN(ChainWalk walk, ChainWalk::open(*database_));
  MOP_TRY(walk.run(noted_head, report));
  MOP_TRY(count_rows(*database_, report));
  MOP_TRY(check_links(*database_, report));
  MOP_TRY(check_forecasts(*database_, report));
  MOP_TRY(check_closes(*database_, report));
  MOP_TRY_ASSIGN(const auto all, series());
  for (const store::SeriesKey& key : all)
    MOP_TRY(check_scores(*database_, key, report));
  return report;
}

}  // namespace mop::serve
