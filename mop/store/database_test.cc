#include "mop/store/database.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <limits>

#include "mop/store/test_support.h"

namespace mop::store {
namespace {

constexpr std::array<std::string_view, 2> kVersions{
    "CREATE TABLE t (id INTEGER PRIMARY KEY, x REAL, name TEXT, data BLOB) STRICT",
    "ALTER TABLE t ADD COLUMN extra INTEGER; CREATE UNIQUE INDEX names ON t (name)"};

class DatabaseTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    std::filesystem::create_directories(dir_);
  }
  std::string path() const { return dir_ + "/some.db"; }
  Result<Database> open(Access access = Access::kWrite, std::size_t version = 2,
                        DurationMillis busy_timeout = 20) {
    return Database::open(path(), access, std::span(kVersions).first(version), busy_timeout);
  }
  static std::int64_t count(Database& db) {
    auto statement = db.prepare("SELECT count(*) FROM t");
    Rows rows = statement.value().query({});
    EXPECT_TRUE(rows.next().value());
    return rows.integer(0);
  }
  // Fails with this code and a sentence that names the file and holds `text`.
  template <typename T>
  void expect_error(const Result<T>& result, ErrorCode code, std::string_view text) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_NE(result.error().message.find(text), std::string::npos) << result.error().message;
    EXPECT_NE(result.error().message.find(path()), std::string::npos) << result.error().message;
  }
};

TEST_F(DatabaseTest, ValuesComeBackBitForBit) {
  auto db = open();
  ASSERT_TRUE(db.has_value()) << db.error().message;
  const std::vector<double> numbers{0.1, -0.0, std::numeric_limits<double>::denorm_min(), 1e308};
  const std::string name = std::string("a\0b", 3) + "\xc3\xa4";
  auto insert = db->prepare("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)");
  ASSERT_TRUE(insert->run({INT64_MIN, 0.1, name, as_blob(numbers), std::monostate{}}));
  ASSERT_TRUE(insert->run({std::int64_t{1}, std::nan(""), std::string_view{}, Blob{}, INT64_MAX}));
  auto select = db->prepare("SELECT id, x, name, data, extra FROM t ORDER BY id");
  Rows rows = select->query({});
  ASSERT_TRUE(rows.next().value());
  EXPECT_EQ(rows.integer(0), INT64_MIN);
  EXPECT_EQ(rows.real(1), 0.1);
  EXPECT_EQ(rows.text(2), name);
  EXPECT_EQ(doubles_in(rows.blob(3), "data").value(), numbers);
  EXPECT_TRUE(std::signbit(doubles_in(rows.blob(3), "data").value()[1]));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(rows.value(4)));
  ASSERT_TRUE(rows.next().value());
  EXPECT_TRUE(std::isnan(rows.real(1)));
  EXPECT_EQ(std::get<std::string_view>(rows.value(2)), "");
  EXPECT_TRUE(rows.blob(3).empty());
  EXPECT_EQ(std::get<std::int64_t>(rows.value(4)), INT64_MAX);
  EXPECT_FALSE(rows.next().value());
  const std::string odd = "1234567";
  EXPECT_FALSE(doubles_in(std::as_bytes(std::span(odd)), "odd").has_value());
}

TEST_F(DatabaseTest, WhatWasNotCommittedIsUndone) {
  auto db = open();
  {
    auto transaction = Transaction::begin(*db);
    ASSERT_TRUE(db->execute("INSERT INTO t (id) VALUES (1)"));
  }
  EXPECT_EQ(count(*db), 0);
  auto transaction = Transaction::begin(*db);
  ASSERT_TRUE(db->execute("INSERT INTO t (id) VALUES (1)"));
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(count(*db), 1);
}

TEST_F(DatabaseTest, ASnapshotSeesNothingOfWhatIsWrittenMeanwhile) {
  auto db = open();
  auto reader = open(Access::kRead);
  {
    const auto snapshot = Transaction::snapshot(*reader);
    ASSERT_TRUE(snapshot.has_value());
    ASSERT_TRUE(db->execute("INSERT INTO t (id) VALUES (1)"));
    EXPECT_EQ(count(*reader), 0);
  }
  EXPECT_EQ(count(*reader), 1);
}

TEST_F(DatabaseTest, CommittedRowsSurviveAPowerCut) {
  auto db = open();
  for (const auto& [sql, wanted] :
       {std::pair{"PRAGMA journal_mode", "wal"}, std::pair{"PRAGMA synchronous", "2"},
        std::pair{"PRAGMA foreign_keys", "1"}}) {
    auto statement = db->prepare(sql);
    Rows rows = statement->query({});
    ASSERT_TRUE(rows.next().value());
    EXPECT_EQ(rows.text(0), wanted) << sql;
  }
}

TEST_F(DatabaseTest, AnOlderSchemaIsBroughtUpToDateAndKeepsItsRows) {
  ASSERT_TRUE(open(Access::kWrite, 1)->execute("INSERT INTO t (id, name) VALUES (1, 'old')"));
  expect_error(open(Access::kRead, 2), ErrorCode::kUnsupported, "start `mop serve` once");
  auto db = open(Access::kWrite, 2);
  ASSERT_TRUE(db.has_value()) << db.error().message;
  EXPECT_EQ(count(*db), 1);
  ASSERT_TRUE(db->execute("UPDATE t SET extra = 5"));
  EXPECT_TRUE(open(Access::kRead, 2).has_value());
}

TEST_F(DatabaseTest, AMigrationThatFailsChangesNothing) {
  ASSERT_TRUE(open(Access::kWrite, 1)->execute("INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'a')"));
  EXPECT_FALSE(open(Access::kWrite, 2).has_value());  // the names are not unique
  auto db = open(Access::kWrite, 1);
  ASSERT_TRUE(db.has_value()) << db.error().message;
  EXPECT_FALSE(db->prepare("SELECT extra FROM t").has_value());
}

TEST_F(DatabaseTest, ANewerSchemaIsRefusedNotGuessedAt) {
  ASSERT_TRUE(open(Access::kWrite, 2).has_value());
  expect_error(open(Access::kWrite, 1), ErrorCode::kUnsupported, "version 2, this program knows up to 1");
}

TEST_F(DatabaseTest, FilesThatAreNotOursAreRefusedAndLeftAlone) {
  expect_error(open(Access::kRead), ErrorCode::kNotFound, "mop serve");
  EXPECT_FALSE(std::filesystem::exists(path()));
  const std::string text(5000, 'x');
  ASSERT_TRUE(fs_.write_atomically(path(), text));
  expect_error(open(), ErrorCode::kCorrupt, "no SQLite database");
  EXPECT_EQ(text_of(path()), text);
  ASSERT_TRUE(fs_.write_atomically(path(), ""));
  expect_error(open(Access::kRead), ErrorCode::kNotFound, "is empty");
  {
    auto db = open();
    ASSERT_TRUE(db->execute("PRAGMA application_id = 7"));
  }
  expect_error(open(), ErrorCode::kCorrupt, "another program");
  std::filesystem::remove(path());
  dir_ += "/nowhere";
  expect_error(open(), ErrorCode::kIo, "its directory");
  dir_.resize(dir_.size() - std::string_view("/nowhere").size());
}

TEST_F(DatabaseTest, ADamagedPageIsFound) {
  {
    auto db = open();
    ASSERT_TRUE(db->execute(
        "INSERT INTO t (id, name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 2000) SELECT i, 'name ' || i FROM n"));
    EXPECT_TRUE(db->check_integrity());
  }
  std::string bytes = text_of(path());
  for (std::size_t i = 3 * 4096; i < 3 * 4096 + 200; ++i)
    bytes[i] = static_cast<char>(bytes[i] ^ 0x5a);
  ASSERT_TRUE(fs_.write_atomically(path(), bytes));
  auto db = open();
  ASSERT_TRUE(db.has_value()) << db.error().message;
  expect_error(db->check_integrity(), ErrorCode::kCorrupt, "damaged");
}

TEST_F(DatabaseTest, ABrokenRuleOfTheTablesSaysWhich) {
  auto db = open();
  ASSERT_TRUE(db->execute("INSERT INTO t (id, name) VALUES (1, 'a')"));
  expect_error(db->execute("INSERT INTO t (id, name) VALUES (2, 'a')"), ErrorCode::kRefused, "t.name");
  expect_error(db->prepare("SELECT * FROM nothing"), ErrorCode::kCorrupt, "nothing");
  auto reader = open(Access::kRead);
  EXPECT_FALSE(reader->execute("DELETE FROM t").has_value());
  EXPECT_EQ(count(*db), 1);
}

TEST_F(DatabaseTest, AFullDiskIsOneSentenceAndNothingIsHalfWritten) {
  auto db = open();
  ASSERT_TRUE(db->execute("PRAGMA max_page_count = 8"));
  auto transaction = Transaction::begin(*db);
  ASSERT_TRUE(db->execute("INSERT INTO t (id) VALUES (1)"));
  expect_error(db->execute("INSERT INTO t (id, data) VALUES (2, zeroblob(100000))"), ErrorCode::kIo,
               "disk is full");
  { const Transaction dropped = std::move(*transaction); }
  EXPECT_EQ(count(*db), 0);
  ASSERT_TRUE(db->execute("PRAGMA max_page_count = 1000"));
  EXPECT_TRUE(db->execute("INSERT INTO t (id, data) VALUES (2, zeroblob(100000))"));
}

// A process that took the write lock, until it is told to end.
class LockHolder {
 public:
  explicit LockHolder(const std::string& path) {
    EXPECT_EQ(::pipe(to_child_), 0);
    EXPECT_EQ(::pipe(from_child_), 0);
    pid_ = ::fork();
    if (pid_ == 0) hold(path);
    char byte = 0;
    EXPECT_EQ(::read(from_child_[0], &byte, 1), 1);
  }
  void end() {
    EXPECT_EQ(::write(to_child_[1], "x", 1), 1);
    ::waitpid(pid_, nullptr, 0);
    for (const int fd : {to_child_[0], to_child_[1], from_child_[0], from_child_[1]})
      ::close(fd);
  }

 private:
  [[noreturn]] void hold(const std::string& path) {
    auto db = Database::open(path, Access::kWrite, kVersions);
    auto transaction = Transaction::begin(*db);
    char byte = 0;
    if (!transaction || ::write(from_child_[1], "x", 1) != 1 || ::read(to_child_[0], &byte, 1) != 1)
      ::_exit(1);
    ::_exit(0);
  }
  int to_child_[2] = {-1, -1}, from_child_[2] = {-1, -1};
  pid_t pid_ = -1;
};

TEST_F(DatabaseTest, ALockOfAnotherProcessIsWaitedForAndThenNamed) {
  auto db = open();
  LockHolder holder(path());
  expect_error(Transaction::begin(*db), ErrorCode::kUnavailable, "locked for 20 ms");
  expect_error(db->execute("INSERT INTO t (id) VALUES (1)"), ErrorCode::kUnavailable, "stop that process");
  EXPECT_EQ(count(*db), 0);  // readers go on
  holder.end();
  EXPECT_TRUE(db->execute("INSERT INTO t (id) VALUES (1)"));
}

}  // namespace
}  // namespace mop::store
