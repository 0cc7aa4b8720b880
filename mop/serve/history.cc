#include "mop/serve/history.h"

#include <algorithm>

#include "mop/serve/board.h"
#include "mop/serve/ledger.h"
#include "mop/serve/schema.h"

namespace mop::serve {

struct LedgerHistory::Open {
  store::Database database;
  std::optional<Ledger> ledger;
  std::optional<store::Statement> hash, span, older, missed;

  Result<void> prepare();
  Result<std::optional<UnixMillis>> time(store::Statement& statement,
                                         std::initializer_list<store::Value> values);
  Result<void> read_forecasts(std::string_view symbol, market::Interval interval, UnixMillis since,
                              UnixMillis before, HistoryPage& page);
  Result<void> read_missed(std::string_view symbol, market::Interval interval, UnixMillis since,
                           UnixMillis before, HistoryPage& page);
};

namespace {

// A reader does not wait for writers (WAL); this is for a checkpoint that restarts the log.
constexpr DurationMillis kPatience = kSecond;

}  // namespace

Result<void> LedgerHistory::Open::prepare() {
  MOP_TRY_ASSIGN(Ledger opened, Ledger::open(database));
  ledger = std::move(opened);
  MOP_TRY_ASSIGN(hash, database.prepare("SELECT hash FROM chain WHERE seq = ?1"));
  MOP_TRY_ASSIGN(span,
                 database.prepare("SELECT min(as_of) FROM (SELECT as_of FROM forecasts WHERE symbol = ?1 "
                                  "AND interval = ?2 AND as_of < ?3 ORDER BY as_of DESC LIMIT ?4)"));
  MOP_TRY_ASSIGN(older,
                 database.prepare("SELECT max(as_of) FROM forecasts WHERE symbol = ?1 AND interval = ?2 "
                                  "AND as_of < ?3"));
  MOP_TRY_ASSIGN(missed, database.prepare("SELECT as_of, noted_at, reason FROM missed WHERE symbol = ?1 "
                                          "AND interval = ?2 AND as_of >= ?3 AND as_of < ?4 "
                                          "ORDER BY as_of DESC LIMIT ?5"));
  return {};
}

// The one time a query tells, if any.
Result<std::optional<UnixMillis>> LedgerHistory::Open::time(store::Statement& statement,
                                                            std::initializer_list<store::Value> values) {
  store::Rows rows = statement.query(values);
  MOP_TRY(rows.next());
  if (rows.is_null(0)) return std::nullopt;
  return rows.integer(0);
}

Result<void> LedgerHistory::Open::read_forecasts(std::string_view symbol, market::Interval interval,
                                                 UnixMillis since, UnixMillis before, HistoryPage& page) {
  MOP_TRY(ledger->visit(symbol, interval, since, before,
                        [&](std::int64_t seq, const ForecastRow& row) -> Result<void> {
                          page.forecasts.push_back({seq, row, {}, {}});
                          return {};
                        }));
  std::ranges::reverse(page.forecasts);
  for (PastForecast& past : page.forecasts) {
    MOP_TRY_ASSIGN(past.scores, ledger->scores_of(past.seq));
    store::Rows rows = hash->query({past.seq});
    MOP_TRY(rows.next());
    past.hash = rows.text(0);
  }
  return {};
}

Result<void> LedgerHistory::Open::read_missed(std::string_view symbol, market::Interval interval,
                                              UnixMillis since, UnixMillis before, HistoryPage& page) {
  store::Rows rows = missed->query(
      {symbol, market::to_string(interval), since, before, static_cast<std::int64_t>(kMostMissed)});
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    page.missed.push_back({std::string(symbol), interval, rows.integer(0), rows.integer(1), rows.text(2)});
  }
}

LedgerHistory::LedgerHistory(std::string path) : path_(std::move(path)) {}
LedgerHistory::~LedgerHistory() = default;

Result<LedgerHistory::Open*> LedgerHistory::opened() {
  if (open_) return open_.get();
  MOP_TRY_ASSIGN(store::Database database, open_database(path_, store::Access::kRead, kPatience));
  auto open = std::make_unique<Open>(Open{std::move(database), {}, {}, {}, {}, {}});
  MOP_TRY(open->prepare());
  open_ = std::move(open);
  return open_.get();
}

Result<HistoryPage> LedgerHistory::page(std::string_view symbol, market::Interval interval, UnixMillis before,
                                        std::size_t limit) {
  MOP_TRY_ASSIGN(Open* const db, opened());
  const std::string_view timeframe = market::to_string(interval);
  HistoryPage page;
  MOP_TRY_ASSIGN(page.scores, db->ledger->live_scores(symbol, interval, kBoardScored));
  MOP_TRY_ASSIGN(const auto oldest,
                 db->time(*db->span, {symbol, timeframe, before, static_cast<std::int64_t>(limit)}));
  UnixMillis since = oldest.value_or(0);
  MOP_TRY_ASSIGN(const auto more, db->time(*db->older, {symbol, timeframe, since}));
  if (more) {
    page.next_before = since;
  } else {
    since = 0;  // what was missed before the first forecast belongs to the last page
  }
  MOP_TRY(db->read_forecasts(symbol, interval, since, before, page));
  MOP_TRY(db->read_missed(symbol, interval, since, before, page));
  return page;
}

}  // namespace mop::serve
