// The prediction ledger: every forecast is in it before anybody sees it, in a chain of hashes that tells when
// a row was changed, and is scored when its candles have closed. docs/formats/ledger.md has the tables and
// the encoding.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mop/base/result.h"
#include "mop/market/candle_series.h"
#include "mop/serve/ledger_rows.h"
#include "mop/serve/ledger_scores.h"
#include "mop/store/candle_store.h"
#include "mop/store/database.h"

namespace mop::serve {

/// A row of the chain that is not as it was written.
struct LedgerProblem {
  std::int64_t seq = 0;
  std::string what;
};

/// Forecast steps whose candle never came, though later candles did.
struct UnscoredSteps {
  store::SeriesKey series;
  std::size_t steps = 0;
  UnixMillis first = 0, last = 0;  // close times of the missing candles
};

struct LedgerReport {
  std::int64_t rows = 0, models = 0, forecasts = 0, missed = 0;
  std::string head;  // hash of the newest row: noted elsewhere, it proves the rows up to it
  std::vector<LedgerProblem> problems;  // the first broken link of the chain first; empty: as it was written
  std::vector<UnscoredSteps> unscored;  // no problem of the ledger
};

/// All scores of one series, computed anew, beside those that are stored.
struct Recomputed {
  std::vector<ScoredForecast> forecasts;  // scored one step ahead, ascending
  std::vector<StepScore> steps;           // every step whose candle is known
  std::size_t differing = 0;              // stored, but not what comes out, or of a candle that is not there
  std::size_t not_stored = 0;             // scored here, not stored yet
  std::string first_difference;           // where
};

/// One connection's view of the ledger; used by one thread at a time. Rows are only ever added.
class Ledger {
 public:
  /// `database` (open_database) must outlive it. Errors: as store::Database::prepare.
  static Result<Ledger> open(store::Database& database);
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  /// Writes down models that are not there yet; needed before the first forecast that names one. Errors:
  /// kRefused when a model is there with other baselines, kInvalidArgument (validate), and as
  /// store::Statement::run.
  Result<void> add_models(std::span<const ModelRow> models);

  /// All rows of one close in one transaction, durable when it returns; on an error none of them is there.
  /// Missed closes go first, so that a series' older ones stand before its forecast. Errors: kRefused when a
  /// close of the series is there already or a newer one is, when a forecast is after the fact, or its model
  /// unknown or of another shape; kInvalidArgument (validate); and as store::Statement::run.
  Result<void> append(std::span<const ForecastRow> forecasts, std::span<const MissedRow> missed);

  /// Scores every step that these candles are the outcome of, in one transaction; again gives the same rows.
  /// Returns the steps. Errors: kInvalidArgument for a price that is not above 0, and as
  /// store::Statement::run.
  Result<std::size_t> score(std::span<const ClosedCandle> candles);

  /// Recomputes the whole chain and checks what it must hold: each close of a series once, in order, without
  /// a gap, forecast before the fact and with a model written before. `noted_head` (may be empty): a hash
  /// that was the head once and must be among the rows. Errors: kCorrupt when the file cannot be read at all.
  Result<LedgerReport> verify(std::string_view noted_head = {});

  /// Series with a row, by symbol and timeframe.
  Result<std::vector<store::SeriesKey>> series();
  /// Newest close of a series that is forecast or missed.
  Result<std::optional<UnixMillis>> last_close(std::string_view symbol, market::Interval interval);
  Result<std::optional<ForecastRow>> newest_forecast(std::string_view symbol, market::Interval interval);
  /// Visits a series' forecasts with since <= as_of < until, ascending, with their numbers; stops at the
  /// first error. A visitor may ask the ledger for anything but another visit.
  using Visit = std::function<Result<void>(std::int64_t seq, const ForecastRow& row)>;
  Result<void> visit(std::string_view symbol, market::Interval interval, UnixMillis since, UnixMillis until,
                     const Visit& visit);
  /// Errors: kRefused when it is not there or has another shape.
  Result<ModelRow> model_of(const ForecastRow& row);
  /// Stored scores of one forecast, by step.
  Result<std::vector<StepScore>> scores_of(std::int64_t seq);

  /// The newest `last` forecasts scored one step ahead, ascending; those of one champion and one model file
  /// only when these are not empty.
  Result<std::vector<ScoredForecast>> scored(std::string_view symbol, market::Interval interval,
                                             std::size_t last, std::string_view champion = {},
                                             std::string_view model_sha256 = {});
  /// Scores of one series over its newest `last` forecasts (of one champion, when it is named).
  Result<LiveScores> live_scores(std::string_view symbol, market::Interval interval, std::size_t last,
                                 std::string_view champion = {});
  /// The same of all series of a timeframe together, the newest `last` of each.
  Result<LiveScores> pooled_scores(market::Interval interval, std::size_t last,
                                   std::string_view champion = {});
  /// Why this champion of the series (from this model file, when it is named) must give way to B3; none when
  /// it may stay. See demotion_of. B3 itself may always stay.
  Result<std::optional<std::string>> demotion(std::string_view symbol, market::Interval interval,
                                              std::string_view champion, std::string_view model_sha256 = {});

  /// Scores a series anew from its rows and the candles that `load` gives; with `replace` the result takes
  /// the place of every stored score. The ledger stands still meanwhile (a snapshot; the write lock with
  /// `replace`), so a candle that closes while candles are loaded is no difference. Errors: those of `load`
  /// too.
  using LoadCandles = std::function<Result<market::CandleSeries>()>;
  Result<Recomputed> rescore(const store::SeriesKey& series, const LoadCandles& load, bool replace);

 private:
  struct Statements;
  explicit Ledger(store::Database& database);
  Result<void> append_row(std::string_view kind, std::int64_t& seq, std::string& head,
                          std::span<const store::Value> columns, store::Statement& insert);
  Result<std::pair<std::int64_t, std::string>> head();
  Result<void> check_next(std::string_view symbol, market::Interval interval, UnixMillis as_of);
  Result<const ModelRow*> find_model(const std::string& sha256, market::Interval interval);
  Result<const ModelRow*> model_for(const ForecastRow& row);
  Result<ForecastRow> read_forecast(const store::Rows& rows);
  Result<void> store_score(const StepScore& score);
  Result<std::size_t> score_candle(const ClosedCandle& candle);
  Result<Recomputed> recompute(const store::SeriesKey& series, const market::CandleSeries& candles);

  store::Database* database_;
  std::unique_ptr<Statements> sql_;
  std::map<std::pair<std::string, market::Interval>, ModelRow> models_;  // read so far; they never change
};

}  // namespace mop::serve
