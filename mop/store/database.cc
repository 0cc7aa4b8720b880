#include "mop/store/database.h"

#include <sqlite3.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "mop/base/check.h"

namespace mop::store {

static_assert(std::endian::native == std::endian::little, "blobs of doubles are little-endian");

namespace internal {

struct Connection {
  Connection(std::string name, DurationMillis timeout) : path(std::move(name)), busy_timeout(timeout) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::sqlite3_close_v2(handle); }

  std::string path;
  DurationMillis busy_timeout;
  sqlite3* handle = nullptr;
};

struct Prepared {
  Prepared(sqlite3_stmt* statement, Connection& owner) : handle(statement), connection(owner) {}
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() { ::sqlite3_finalize(handle); }

  sqlite3_stmt* handle;
  Connection& connection;
  bool running = false;
};

}  // namespace internal

namespace {

constexpr std::int64_t kApplicationId =
    0x4d4f5031;  // "MOP1" in the file's header: not another program's database

struct Remedy {
  ErrorCode code;
  std::string text;  // why, and what to do
};

Remedy remedy_for(int status, const internal::Connection& c) {
  switch (status & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {
          ErrorCode::kUnavailable,
          fmt::format("another process has kept it locked for {}; stop that process (a second `mop serve`?) "
                      "and run again",
                      format_duration(c.busy_timeout))};
    case SQLITE_FULL:
      return {ErrorCode::kIo, "the disk is full; nothing is half written, free some space and run again"};
    case SQLITE_CORRUPT:
      return {
          ErrorCode::kCorrupt,
          fmt::format("the file is damaged; put back a copy, or save what is left with `sqlite3 {} .recover`",
                      c.path)};
    case SQLITE_NOTADB:
      return {ErrorCode::kCorrupt, "it is no SQLite database; name another file or move this one away"};
    case SQLITE_READONLY:
      return {ErrorCode::kIo, "it may not be written; check the rights of the file and its directory"};
    case SQLITE_CANTOPEN:
      return {ErrorCode::kIo, "it cannot be opened; check that its directory is there and may be written"};
    case SQLITE_IOERR:
      return {ErrorCode::kIo, fmt::format("the disk fails ({}); check it and run again",
                                          std::strerror(::sqlite3_system_errno(c.handle)))};
    case SQLITE_CONSTRAINT:
      return {ErrorCode::kRefused,
              fmt::format("a rule of its tables forbids it: {}", ::sqlite3_errmsg(c.handle))};
    default:
      return {ErrorCode::kCorrupt,
              fmt::format("it does not have the tables of this program ({}); put back a copy",
                          ::sqlite3_errmsg(c.handle))};
  }
}

tl::unexpected<Error> database_error(int status, const internal::Connection& c) {
  Remedy remedy = remedy_for(status, c);
  return fail(remedy.code, fmt::format("database {}: {}", c.path, remedy.text));
}

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

void bind_all(sqlite3_stmt* s, std::span<const Value> values) {
  ::sqlite3_reset(s);
  MOP_CHECK(::sqlite3_bind_parameter_count(s) == static_cast<int>(values.size()))
      << ::sqlite3_sql(s) << ": " << values.size() << " values";
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int place = static_cast<int>(i) + 1;
    const int status =
        std::visit(Overloaded{[&](std::monostate) { return ::sqlite3_bind_null(s, place); },
                              [&](std::int64_t x) { return ::sqlite3_bind_int64(s, place, x); },
                              [&](double x) { return ::sqlite3_bind_double(s, place, x); },
                              [&](std::string_view x) {
                                return ::sqlite3_bind_text64(s, place, x.data() != nullptr ? x.data() : "",
                                                             x.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
                              },
                              [&](Blob x) {
                                if (x.empty()) return ::sqlite3_bind_zeroblob(s, place, 0);
                                return ::sqlite3_bind_blob64(s, place, x.data(), x.size(), SQLITE_TRANSIENT);
                              }},
                   values[i]);
    MOP_CHECK(status == SQLITE_OK) << ::sqlite3_sql(s) << ", value " << place << ": "
                                   << ::sqlite3_errstr(status);
  }
}

}  // namespace

Blob as_blob(std::span<const double> numbers) {
  return std::as_bytes(numbers);
}

Result<std::vector<double>> doubles_in(Blob bytes, std::string_view what) {
  if (bytes.size() % sizeof(double) != 0) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} must be doubles of 8 bytes, has {} bytes; run `mop ledger verify`", what,
                            bytes.size()));
  }
  std::vector<double> numbers(bytes.size() / sizeof(double));
  if (!bytes.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

Rows::Rows(Rows&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}

Rows::~Rows() {
  if (statement_ == nullptr) return;
  ::sqlite3_reset(statement_->handle);
  statement_->running = false;
}

Result<bool> Rows::next() {
  const int status = ::sqlite3_step(statement_->handle);
  if (status == SQLITE_ROW) return true;
  // Resetting ends the read transaction; its status is the one of the step.
  ::sqlite3_reset(statement_->handle);
  if (status == SQLITE_DONE) return false;
  return database_error(status, statement_->connection);
}

Value Rows::value(int column) const {
  switch (::sqlite3_column_type(statement_->handle, column)) {
    case SQLITE_INTEGER:
      return integer(column);
    case SQLITE_FLOAT:
      return real(column);
    case SQLITE_TEXT: {
      const auto* text = ::sqlite3_column_text(statement_->handle, column);
      const int size = ::sqlite3_column_bytes(statement_->handle, column);
      return std::string_view(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
    }
    case SQLITE_BLOB:
      return blob(column);
    default:
      return std::monostate{};
  }
}

std::int64_t Rows::integer(int column) const {
  return ::sqlite3_column_int64(statement_->handle, column);
}
double Rows::real(int column) const {
  return is_null(column) ? std::nan("") : ::sqlite3_column_double(statement_->handle, column);
}
std::string Rows::text(int column) const {
  const auto* text = ::sqlite3_column_text(statement_->handle, column);
  if (text == nullptr) return {};
  const int size = ::sqlite3_column_bytes(statement_->handle, column);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}
Blob Rows::blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(::sqlite3_column_blob(statement_->handle, column));
  return {bytes, static_cast<std::size_t>(::sqlite3_column_bytes(statement_->handle, column))};
}
bool Rows::is_null(int column) const {
  return ::sqlite3_column_type(statement_->handle, column) == SQLITE_NULL;
}

Statement::Statement(std::unique_ptr<internal::Prepared> impl) : impl_(std::move(impl)) {}
Statement::Statement(Statement&&) noexcept = default;
Statement& Statement::operator=(Statement&&) noexcept = default;
Statement::~Statement() = default;

Rows Statement::query(std::span<const Value> values) {
  MOP_CHECK(!impl_->running) << ::sqlite3_sql(impl_->handle) << " is still being read";
  bind_all(impl_->handle, values);
  impl_->running = true;
  return Rows(impl_.get());
}

Result<void> Statement::run(std::span<const Value> values) {
  Rows rows = query(values);
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
  }
}

Database::Database(std::unique_ptr<internal::Connection> impl) : impl_(std::move(impl)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

const std::string& Database::path() const {
  return impl_->path;
}

Result<Database> Database::open(const std::string& path, Access access,
                                std::span<const std::string_view> migrations, DurationMillis busy_timeout) {
  std::error_code ignored;
  if (access == Access::kRead && !std::filesystem::exists(path, ignored)) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no database {}; `mop serve` begins one", path));
  }
  Database database(std::make_unique<internal::Connection>(path, busy_timeout));
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE | (access == Access::kWrite ? SQLITE_OPEN_CREATE : 0);
  const int status = ::sqlite3_open_v2(path.c_str(), &database.impl_->handle, flags, nullptr);
  if (status != SQLITE_OK) return database_error(status, *database.impl_);
  ::sqlite3_busy_timeout(database.impl_->handle, static_cast<int>(busy_timeout));
  MOP_TRY(database.set_up(access, migrations));
  return database;
}

Result<void> Database::set_up(Access access, std::span<const std::string_view> migrations) {
  MOP_TRY_ASSIGN(const std::int64_t version, number("PRAGMA user_version"));
  MOP_TRY_ASSIGN(const std::int64_t application, number("PRAGMA application_id"));
  MOP_TRY_ASSIGN(const std::int64_t tables, number("SELECT count(*) FROM sqlite_master"));
  const auto known = static_cast<std::int64_t>(migrations.size());
  const bool is_new = application == 0 && tables == 0;
  if (!is_new && application != kApplicationId) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("database {}: it belongs to another program; name another file", path()));
  }
  if (version > known) {
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("database {}: its tables are version {}, this program knows up to {}; use the newer "
                    "program that wrote it",
                    path(), version, known));
  }
  if (access == Access::kRead) {
    if (is_new) {
      return fail(ErrorCode::kNotFound, fmt::format("database {} is empty; `mop serve` begins it", path()));
    }
    if (version < known) {
      return fail(
          ErrorCode::kUnsupported,
          fmt::format("database {}: its tables are version {}, this program reads {}; start `mop serve` "
                      "once, it brings them up to date",
                      path(), version, known));
    }
    return execute("PRAGMA query_only = ON");
  }
  MOP_TRY(execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"));
  return version < known ? migrate(migrations) : Result<void>{};
}

Result<void> Database::migrate(std::span<const std::string_view> migrations) {
  MOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*this));
  MOP_TRY_ASSIGN(const std::int64_t version,
                 number("PRAGMA user_version"));  // another process may have been first
  for (auto n = static_cast<std::size_t>(version); n < migrations.size(); ++n)
    MOP_TRY(execute(std::string(migrations[n])));
  MOP_TRY(execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId,
                              migrations.size())));
  return transaction.commit();
}

Result<std::int64_t> Database::number(std::string_view sql) {
  MOP_TRY_ASSIGN(Statement statement, prepare(sql));
  Rows rows = statement.query({});
  MOP_TRY(rows.next());
  return rows.integer(0);
}

Result<void> Database::execute(const std::string& sql) {
  const int status = ::sqlite3_exec(impl_->handle, sql.c_str(), nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return database_error(status, *impl_);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int status = ::sqlite3_prepare_v3(impl_->handle, sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (status != SQLITE_OK) return database_error(status, *impl_);
  return Statement(std::make_unique<internal::Prepared>(handle, *impl_));
}

Result<void> Database::check_integrity() {
  MOP_TRY_ASSIGN(Statement statement, prepare("PRAGMA integrity_check(1)"));
  Rows rows = statement.query({});
  MOP_TRY(rows.next());
  const std::string finding = rows.text(0);
  if (finding == "ok") return {};
  return fail(ErrorCode::kCorrupt,
              fmt::format("database {}: the file is damaged ({}); put back a copy", path(), finding));
}

Result<Transaction> Transaction::begin(Database& database) {
  MOP_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Result<Transaction> Transaction::snapshot(Database& database) {
  MOP_TRY(
      database.execute("BEGIN; SELECT count(*) FROM sqlite_master"));  // the view begins with the first read
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // After some errors (full disk) SQLite has rolled back by itself, and says that there is nothing to undo.
  if (database_ != nullptr) static_cast<void>(database_->execute("ROLLBACK"));
}

Result<void> Transaction::commit() {
  MOP_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace mop::store
