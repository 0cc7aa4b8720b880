#include "mop/serve/ledger.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

#include "mop/serve/ledger_chain.h"
#include "mop/serve/ledger_statements.h"

namespace mop::serve {
namespace {

using store::as_blob;
using store::Rows;
using store::Value;

Value optional_number(const std::optional<double>& x) {
  return x ? Value(*x) : Value(std::monostate{});
}

std::array<Value, 10> columns_of(const ModelRow& m) {
  return {m.sha256,
          market::to_string(m.interval),
          m.id,
          static_cast<std::int64_t>(m.horizon),
          as_blob(m.levels),
          as_blob(m.static_y),
          as_blob(m.ewma_z),
          as_blob(m.har_residual),
          optional_number(m.spike_threshold),
          m.trained_until};
}

std::array<Value, 15> columns_of(const ForecastRow& f) {
  return {f.symbol,
          market::to_string(f.interval),
          f.as_of,
          f.made_at,
          f.close,
          f.tick_size,
          f.sigma,
          f.champion,
          f.reason,
          f.model_sha256,
          f.input_hash,
          as_blob(f.z),
          as_blob(f.p_up),
          optional_number(f.log_range),
          as_blob(f.har_scale)};
}

std::array<Value, 5> columns_of(const MissedRow& m) {
  return {m.symbol, market::to_string(m.interval), m.as_of, m.noted_at, m.reason};
}

std::string insert_into(const ChainedTable& table) {
  std::string places = "?1";
  for (int i = 2; i <= table.count + 1; ++i)
    places += fmt::format(", ?{}", i);
  return fmt::format("INSERT INTO {} (seq, {}) VALUES ({})", table.table, table.columns, places);
}

constexpr std::string_view kScoreColumns =
    "step, close, high, low, z, pinball, pinball_static, pinball_ewma, pinball_har, in50, in80, in90, in95, "
    "direction, log_range_error, abs_error, abs_move";

std::string prefixed(std::string_view table, std::string_view columns) {
  std::string text = fmt::format("{}.", table);
  for (const char c : columns) {
    text += c;
    if (c == ' ') text += fmt::format("{}.", table);
  }
  return text;
}

Result<ModelRow> model_from(const Rows& rows) {
  ModelRow m;
  m.sha256 = rows.text(0);
  MOP_TRY_ASSIGN(m.interval, market::parse_interval(rows.text(1)));
  m.id = rows.text(2);
  m.horizon = static_cast<std::size_t>(rows.integer(3));
  const std::string what = fmt::format("ledger, model {}", m.id);
  MOP_TRY_ASSIGN(m.levels, store::doubles_in(rows.blob(4), what));
  MOP_TRY_ASSIGN(m.static_y, store::doubles_in(rows.blob(5), what));
  MOP_TRY_ASSIGN(m.ewma_z, store::doubles_in(rows.blob(6), what));
  MOP_TRY_ASSIGN(m.har_residual, store::doubles_in(rows.blob(7), what));
  if (!rows.is_null(8)) m.spike_threshold = rows.real(8);
  m.trained_until = rows.integer(9);
  return m;
}

// What was read may have been tampered with: it must hold what was required when it was written.
Error as_corrupt(const Error& error) {
  return {ErrorCode::kCorrupt,
          fmt::format("{}; the ledger was changed, see `mop ledger verify`", error.message)};
}

Result<std::optional<ModelRow>> read_model(store::Statement& statement, const std::string& sha256,
                                           market::Interval interval) {
  Rows rows = statement.query({sha256, market::to_string(interval)});
  MOP_TRY_ASSIGN(const bool there, rows.next());
  if (!there) return std::nullopt;
  MOP_TRY_ASSIGN(ModelRow model, model_from(rows));
  if (const auto valid = validate(model); !valid) return fail(as_corrupt(valid.error()));
  return model;
}

}  // namespace

Result<ForecastRow> forecast_from(const Rows& rows, int first) {
  ForecastRow f;
  f.symbol = rows.text(first);
  MOP_TRY_ASSIGN(f.interval, market::parse_interval(rows.text(first + 1)));
  f.as_of = rows.integer(first + 2);
  f.made_at = rows.integer(first + 3);
  f.close = rows.real(first + 4);
  f.tick_size = rows.real(first + 5);
  f.sigma = rows.real(first + 6);
  f.champion = rows.text(first + 7);
  f.reason = rows.text(first + 8);
  f.model_sha256 = rows.text(first + 9);
  f.input_hash = rows.text(first + 10);
  const std::string what = fmt::format("ledger, {}", close_text(f.symbol, f.interval, f.as_of));
  MOP_TRY_ASSIGN(f.z, store::doubles_in(rows.blob(first + 11), what));
  MOP_TRY_ASSIGN(f.p_up, store::doubles_in(rows.blob(first + 12), what));
  if (!rows.is_null(first + 13)) f.log_range = rows.real(first + 13);
  MOP_TRY_ASSIGN(f.har_scale, store::doubles_in(rows.blob(first + 14), what));
  return f;
}

Result<Ledger::Statements> Ledger::Statements::prepare(store::Database& db) {
  const std::string forecast = fmt::format("seq, {}", kForecastTable.columns);
  MOP_TRY_ASSIGN(auto head, db.prepare("SELECT seq, hash FROM chain ORDER BY seq DESC LIMIT 1"));
  MOP_TRY_ASSIGN(auto add_chain, db.prepare("INSERT INTO chain (seq, kind, hash) VALUES (?1, ?2, ?3)"));
  MOP_TRY_ASSIGN(auto add_model, db.prepare(insert_into(kModelTable)));
  MOP_TRY_ASSIGN(auto add_forecast, db.prepare(insert_into(kForecastTable)));
  MOP_TRY_ASSIGN(auto add_missed, db.prepare(insert_into(kMissedTable)));
  MOP_TRY_ASSIGN(auto model,
                 db.prepare(fmt::format("SELECT {} FROM models WHERE sha256 = ?1 AND interval = ?2",
                                        kModelTable.columns)));
  MOP_TRY_ASSIGN(
      auto last_close,
      db.prepare("SELECT max(as_of) FROM ("
                 "SELECT max(as_of) AS as_of FROM forecasts WHERE symbol = ?1 AND interval = ?2 UNION ALL "
                 "SELECT max(as_of) FROM missed WHERE symbol = ?1 AND interval = ?2)"));
  MOP_TRY_ASSIGN(auto forecasts,
                 db.prepare(fmt::format("SELECT {} FROM forecasts WHERE symbol = ?1 AND interval = ?2 "
                                        "AND as_of >= ?3 AND as_of < ?4 ORDER BY as_of",
                                        forecast)));
  MOP_TRY_ASSIGN(auto newest,
                 db.prepare(fmt::format("SELECT {} FROM forecasts WHERE symbol = ?1 AND interval = ?2 "
                                        "ORDER BY as_of DESC LIMIT 1",
                                        forecast)));
  MOP_TRY_ASSIGN(auto series, db.prepare("SELECT symbol, interval FROM forecasts UNION "
                                         "SELECT symbol, interval FROM missed ORDER BY symbol, interval"));
  MOP_TRY_ASSIGN(auto due,
                 db.prepare(fmt::format("SELECT {} FROM forecasts WHERE symbol = ?1 AND interval = ?2 "
                                        "AND as_of < ?3 AND as_of >= ?3 - ?4 * "
                                        "(SELECT max(horizon) FROM models) ORDER BY as_of",
                                        forecast)));
  MOP_TRY_ASSIGN(
      auto add_score,
      db.prepare(fmt::format("INSERT OR REPLACE INTO scores (seq, {}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
                             "?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
                             kScoreColumns)));
  MOP_TRY_ASSIGN(auto scores, db.prepare(fmt::format("SELECT {} FROM scores WHERE seq = ?1 ORDER BY step",
                                                     kScoreColumns)));
  MOP_TRY_ASSIGN(auto scored, db.prepare(fmt::format(
                                  "SELECT f.seq, f.as_of, f.champion, length(f.p_up) / 8, {} "
                                  "FROM forecasts AS f JOIN scores AS s ON s.seq = f.seq AND s.step = 1 "
                                  "WHERE f.symbol = ?1 AND f.interval = ?2 AND (?3 = '' OR f.champion = ?3) "
                                  "AND (?4 = '' OR f.model_sha256 = ?4) ORDER BY f.as_of DESC LIMIT ?5",
                                  prefixed("s", kScoreColumns))));
  MOP_TRY_ASSIGN(auto drop, db.prepare("DELETE FROM scores WHERE seq IN "
                                       "(SELECT seq FROM forecasts WHERE symbol = ?1 AND interval = ?2)"));
  return Statements{std::move(head),         std::move(add_chain),  std::move(add_model),
                    std::move(add_forecast), std::move(add_missed), std::move(model),
                    std::move(last_close),   std::move(forecasts),  std::move(newest),
                    std::move(series),       std::move(due),        std::move(add_score),
                    std::move(scores),       std::move(scored),     std::move(drop)};
}

Ledger::Ledger(store::Database& database) : database_(&database) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Result<Ledger> Ledger::open(store::Database& database) {
  Ledger ledger(database);
  MOP_TRY_ASSIGN(Statements statements, Statements::prepare(database));
  ledger.sql_ = std::make_unique<Statements>(std::move(statements));
  return ledger;
}

Result<std::pair<std::int64_t, std::string>> Ledger::head() {
  Rows rows = sql_->head.query({});
  MOP_TRY_ASSIGN(const bool any, rows.next());
  if (!any) return std::pair{std::int64_t{0}, std::string(kFirstHash)};
  return std::pair{rows.integer(0), rows.text(1)};
}

Result<void> Ledger::append_row(std::string_view kind, std::int64_t& seq, std::string& head,
                                std::span<const Value> columns, store::Statement& insert) {
  ++seq;
  head = chain_hash(head, kind, seq, columns);
  MOP_TRY(sql_->add_chain.run({seq, kind, head}));
  std::vector<Value> values{seq};
  values.insert(values.end(), columns.begin(), columns.end());
  return insert.run(values);
}

Result<void> Ledger::add_models(std::span<const ModelRow> models) {
  MOP_TRY_ASSIGN(auto transaction, store::Transaction::begin(*database_));
  MOP_TRY_ASSIGN(auto newest, head());
  for (const ModelRow& model : models) {
    MOP_TRY(validate(model));
    MOP_TRY_ASSIGN(const auto known, read_model(sql_->model, model.sha256, model.interval));
    if (known == model) continue;
    if (known) {
      return fail(
          ErrorCode::kRefused,
          fmt::format("ledger: model {} ({}) is there with other baselines; a changed model file must have "
                      "another SHA-256",
                      model.id, model.sha256));
    }
    MOP_TRY(append_row(kModelTable.kind, newest.first, newest.second, columns_of(model), sql_->add_model));
  }
  return transaction.commit();
}

Result<std::vector<std::int64_t>> Ledger::append(std::span<const ForecastRow> forecasts,
                                                 std::span<const MissedRow> missed) {
  for (const MissedRow& row : missed)
    MOP_TRY(validate(row));
  for (const ForecastRow& row : forecasts)
    MOP_TRY(validate(row));
  MOP_TRY_ASSIGN(auto transaction, store::Transaction::begin(*database_));
  MOP_TRY_ASSIGN(auto newest, head());
  for (const MissedRow& row : missed) {
    MOP_TRY(check_next(row.symbol, row.interval, row.as_of));
    MOP_TRY(append_row(kMissedTable.kind, newest.first, newest.second, columns_of(row), sql_->add_missed));
  }
  std::vector<std::int64_t> numbers;
  for (const ForecastRow& row : forecasts) {
    MOP_TRY(model_for(row));
    MOP_TRY(check_next(row.symbol, row.interval, row.as_of));
    MOP_TRY(
        append_row(kForecastTable.kind, newest.first, newest.second, columns_of(row), sql_->add_forecast));
    numbers.push_back(newest.first);
  }
  MOP_TRY(transaction.commit());
  return numbers;
}

Result<void> Ledger::check_next(std::string_view symbol, market::Interval interval, UnixMillis as_of) {
  MOP_TRY_ASSIGN(const auto last, last_close(symbol, interval));
  if (!last || as_of > *last) return {};
  const std::string close = close_text(symbol, interval, as_of);
  if (as_of == *last) {
    return fail(ErrorCode::kRefused,
                fmt::format("ledger: {} is forecast or missed already; a close is written down "
                            "exactly once",
                            close));
  }
  return fail(ErrorCode::kRefused,
              fmt::format("ledger: {} is older than the newest close of the series ({}); closes "
                          "are written down in order",
                          close, format_utc(*last + 1)));
}

Result<const ModelRow*> Ledger::find_model(const std::string& sha256, market::Interval interval) {
  const auto known = models_.find({sha256, interval});
  if (known != models_.end()) return &known->second;
  MOP_TRY_ASSIGN(auto model, read_model(sql_->model, sha256, interval));
  if (!model) return nullptr;
  return &models_.emplace(std::pair{sha256, interval}, std::move(*model)).first->second;
}

Result<const ModelRow*> Ledger::model_for(const ForecastRow& row) {
  MOP_TRY_ASSIGN(const ModelRow* model, find_model(row.model_sha256, row.interval));
  const std::string close = close_text(row.symbol, row.interval, row.as_of);
  if (model == nullptr) {
    return fail(ErrorCode::kRefused,
                fmt::format("ledger: {} names model {} ({}), which is not in the ledger; add "
                            "models before their forecasts",
                            close, row.model_id, row.model_sha256));
  }
  if (model->id != row.model_id || model->horizon != row.horizon || model->levels != row.levels) {
    return fail(
        ErrorCode::kRefused,
        fmt::format(
            "ledger: {} must have id, horizon and levels of its model {} ({} steps, {} levels), has {} "
            "({} steps, {} levels)",
            close, model->id, model->horizon, model->levels.size(), row.model_id, row.horizon,
            row.levels.size()));
  }
  return model;
}

Result<ModelRow> Ledger::model_of(const ForecastRow& row) {
  MOP_TRY_ASSIGN(const ModelRow* model, model_for(row));
  return *model;
}

Result<std::vector<store::SeriesKey>> Ledger::series() {
  std::vector<store::SeriesKey> series;
  Rows rows = sql_->series.query({});
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) return series;
    MOP_TRY_ASSIGN(const market::Interval interval, market::parse_interval(rows.text(1)));
    series.push_back({rows.text(0), interval});
  }
}

Result<std::optional<UnixMillis>> Ledger::last_close(std::string_view symbol, market::Interval interval) {
  Rows rows = sql_->last_close.query({symbol, market::to_string(interval)});
  MOP_TRY(rows.next());
  if (rows.is_null(0)) return std::nullopt;
  return rows.integer(0);
}

Result<ForecastRow> Ledger::read_forecast(const Rows& rows) {
  MOP_TRY_ASSIGN(ForecastRow row, forecast_from(rows, 1));
  MOP_TRY_ASSIGN(const ModelRow* model, find_model(row.model_sha256, row.interval));
  if (model == nullptr) {
    return fail(as_corrupt({ErrorCode::kCorrupt,
                            fmt::format("ledger: {} names a model that is not there ({})",
                                        close_text(row.symbol, row.interval, row.as_of), row.model_sha256)}));
  }
  row.model_id = model->id;
  row.horizon = model->horizon;
  row.levels = model->levels;
  if (const auto valid = validate(row); !valid) return fail(as_corrupt(valid.error()));
  return row;
}

Result<std::optional<ForecastRow>> Ledger::newest_forecast(std::string_view symbol,
                                                           market::Interval interval) {
  Rows rows = sql_->newest_forecast.query({symbol, market::to_string(interval)});
  MOP_TRY_ASSIGN(const bool any, rows.next());
  if (!any) return std::nullopt;
  return read_forecast(rows);
}

Result<void> Ledger::visit(std::string_view symbol, market::Interval interval, UnixMillis since,
                           UnixMillis until, const Visit& visit) {
  Rows rows = sql_->forecasts.query({symbol, market::to_string(interval), since, until});
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    MOP_TRY_ASSIGN(const ForecastRow row, read_forecast(rows));
    MOP_TRY(visit(rows.integer(0), row));
  }
}

}  // namespace mop::serve
