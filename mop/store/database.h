// A thin hand on SQLite: one connection, prepared statements, transactions, versioned tables, and errors that
// say what to do. Neither a connection nor its statements may be used by two threads at once; each thread
// opens its own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"

namespace mop::store {

using Blob = std::span<const std::byte>;
/// What a column holds; std::monostate is NULL. SQLite keeps no NaN: it becomes NULL.
using Value = std::variant<std::monostate, std::int64_t, double, std::string_view, Blob>;

/// Numbers as a blob and back: IEEE-754, little-endian.
Blob as_blob(std::span<const double> numbers);
/// Errors: kCorrupt when the bytes are no whole number of doubles; `what` names them.
Result<std::vector<double>> doubles_in(Blob bytes, std::string_view what);

namespace internal {
struct Connection;
struct Prepared;
}  // namespace internal

/// The rows of a running query. Until it is destroyed, or next() was false, it holds a view of the database
/// as it was when the query began; the statement that made it must outlive it.
class Rows {
 public:
  Rows(Rows&& other) noexcept;
  Rows& operator=(Rows&&) = delete;
  Rows(const Rows&) = delete;
  ~Rows();

  /// Steps to the next row; false when there is none. Errors: kCorrupt, kUnavailable, kIo.
  Result<bool> next();
  /// Columns of the current row, from 0. Text and blob live until the next step. A column of another type is
  /// converted as SQLite does (NULL: 0, NaN, empty).
  Value value(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  Blob blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Statement;
  explicit Rows(internal::Prepared* statement) : statement_(statement) {}
  internal::Prepared* statement_;
};

/// SQL that was read once and runs as often as asked, with values for its ?1, ?2, ...
class Statement {
 public:
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();

  /// Runs to the end. Errors: kRefused (a constraint of the tables), kUnavailable (locked), kIo (full disk),
  /// kCorrupt.
  Result<void> run(std::span<const Value> values);
  Result<void> run(std::initializer_list<Value> values) { return run({values.begin(), values.size()}); }
  /// Begins a query. One at a time per statement. Errors: none of the data yet; next() tells.
  Rows query(std::span<const Value> values);
  Rows query(std::initializer_list<Value> values) { return query({values.begin(), values.size()}); }

 private:
  friend class Database;
  explicit Statement(std::unique_ptr<internal::Prepared> impl);
  std::unique_ptr<internal::Prepared> impl_;
};

enum class Access : std::uint8_t {
  kWrite,  // made when missing, tables brought up to date
  kRead,   // must be there with the tables of this program; nothing is changed
};

class Database {
 public:
  static constexpr DurationMillis kBusyTimeout = 5 * kSecond;

  /// Opens the file with a write-ahead log, synchronous = FULL (what is committed survives a power cut) and
  /// foreign keys. `migrations[n]` is the SQL that leads from schema version n to n + 1; each runs once, in a
  /// transaction. A statement waits `busy_timeout` for another process's lock. Errors: kNotFound (missing, or
  /// without tables, with kRead), kUnsupported (written by a newer program, or by an older one with kRead),
  /// kCorrupt (damaged, or no database of MOP), kUnavailable (locked), kIo; each names the file and the
  /// remedy.
  static Result<Database> open(const std::string& path, Access access,
                               std::span<const std::string_view> migrations,
                               DurationMillis busy_timeout = kBusyTimeout);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  const std::string& path() const;
  /// Runs SQL without values; rows are dropped. Errors: as Statement::run.
  Result<void> execute(const std::string& sql);
  /// Errors: kCorrupt when the tables it names are not there.
  Result<Statement> prepare(std::string_view sql);
  /// Reads every page: indexes agree with tables, constraints hold. Errors: kCorrupt with the first finding.
  Result<void> check_integrity();

 private:
  explicit Database(std::unique_ptr<internal::Connection> impl);
  Result<void> set_up(Access access, std::span<const std::string_view> migrations);
  Result<std::int64_t> number(std::string_view sql);
  Result<void> migrate(std::span<const std::string_view> migrations);
  std::unique_ptr<internal::Connection> impl_;
};

/// All or nothing: what ran since begin() is undone unless commit() succeeded. Takes the write lock at once,
/// so no other writer can come between what is read and what is written.
class Transaction {
 public:
  /// Errors: kUnavailable when another process keeps the lock. `database` must outlive it.
  static Result<Transaction> begin(Database& database);
  /// For reading only: until it ends, the connection sees the database as it is now. Stops no writer.
  static Result<Transaction> snapshot(Database& database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  ~Transaction();

  /// Durable when it returns. Errors: kIo (full disk; everything is undone), kUnavailable.
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;  // null once committed or moved
};

}  // namespace mop::store
