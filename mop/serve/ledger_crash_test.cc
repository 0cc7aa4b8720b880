// The process dies while it appends, the log is torn, the disk is full, somebody else holds the lock: what
// append() returned for is in the ledger, closes are whole, and the chain holds.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "mop/base/fs.h"
#include "mop/market/symbol.h"
#include "mop/serve/ledger.h"
#include "mop/serve/ledger_test_support.h"

namespace mop::serve {
namespace {

using market::Interval;
using store::Access;

constexpr int kCoins = 5;

std::vector<ForecastRow> close_rows(int n) {
  std::vector<ForecastRow> rows;
  for (int coin = 0; coin < kCoins; ++coin)
    rows.push_back(
        test_forecast(n, std::string(market::fleet_symbols()[static_cast<std::size_t>(coin)].name)));
  return rows;
}

class LedgerCrashTest : public LedgerTest {
 protected:
  void SetUp() override {
    durable_ = true;
    LedgerTest::SetUp();
    const ModelRow models[] = {test_model()};
    ASSERT_TRUE(ledger_->add_models(models));
  }
  // Every close up to the newest one is there with all its coins; returns their number.
  int whole_closes() {
    const LedgerReport r = report();
    EXPECT_TRUE(r.problems.empty()) << r.problems[0].what;
    EXPECT_EQ(r.forecasts % kCoins, 0);
    return static_cast<int>(r.forecasts / kCoins);
  }
};

// Appends closes from `first` on and says so after each, until it is killed.
[[noreturn]] void append_for_ever(const std::string& path, int first, int said) {
  auto database = open_database(path, Access::kWrite);
  if (!database) ::_exit(1);
  auto ledger = Ledger::open(*database);
  for (int n = first; ledger; ++n) {
    if (!ledger->append(close_rows(n), {})) ::_exit(2);
    const auto step = [&](int k) {
      const ClosedCandle candle = candle_at(n - k);
      return ledger->score({&candle, 1}).has_value();
    };
    if (!step(0) || ::write(said, "x", 1) != 1) ::_exit(3);
  }
  ::_exit(4);
}

TEST_F(LedgerCrashTest, KilledFiftyTimesWhileAppendingNothingThatWasSaidIsLost) {
  int closes = 0;
  for (int round = 0; round < 50; ++round) {
    ledger_.reset();
    database_.reset();
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) append_for_ever(path_, closes, pipe[1]);
    ::close(pipe[1]);
    char byte = 0;
    for (int said = 0; said < 1 + round % 3; ++said, ++closes)
      ASSERT_EQ(::read(pipe[0], &byte, 1), 1) << "the writer ended by itself";
    // Lets it run into its next append for a different while each time.
    volatile std::uint64_t spin = 0;
    for (int i = 0; i < round * 400'000; ++i)
      spin = spin + 1;
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    ::close(pipe[0]);
    open();
    const int there = whole_closes();
    ASSERT_GE(there, closes) << "a forecast that had been said is gone, round " << round;
    closes = there;
  }
  EXPECT_GE(closes, 50);
}

TEST_F(LedgerCrashTest, ALogTornAtAnyByteLeavesWholeCloses) {
  ASSERT_TRUE(database_->execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0"));
  for (int n = 0; n < 6; ++n)
    ASSERT_TRUE(ledger_->append(close_rows(n), {}));
  PosixFs disk;
  const std::string main = disk.read(path_).value(), log = disk.read(path_ + "-wal").value();
  ASSERT_GT(log.size(), 6 * 4096u);
  const std::string copy = dir_ + "/copy.db";
  int fewest = 6, most = 0;
  for (std::size_t cut = 0; cut <= log.size(); cut += 2003) {
    for (const bool garbage : {false, true}) {
      ledger_.reset();
      database_.reset();  // else its end would tidy up the log written here
      std::ofstream(copy, std::ios::binary) << main;
      std::ofstream(copy + "-wal", std::ios::binary)
          << log.substr(0, cut) << (garbage ? std::string(log.size() - cut, '\x5a') : "");
      path_ = copy;
      open();
      const int closes = whole_closes();
      fewest = std::min(fewest, closes);
      most = std::max(most, closes);
    }
  }
  EXPECT_EQ(fewest, 0);
  EXPECT_GE(most, 5);
}

TEST_F(LedgerCrashTest, AFullDiskRefusesTheCloseAndTheNextOneFits) {
  ASSERT_TRUE(ledger_->append(close_rows(0), {}));
  ASSERT_TRUE(database_->execute("PRAGMA max_page_count = 1"));  // no more than it has
  int n = 1;
  Result<std::vector<std::int64_t>> done;
  while (n < 100 && (done = ledger_->append(close_rows(n), {})))
    ++n;
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, ErrorCode::kIo);
  EXPECT_NE(done.error().message.find("disk is full"), std::string::npos) << done.error().message;
  EXPECT_EQ(whole_closes(), n);
  ASSERT_TRUE(database_->execute("PRAGMA max_page_count = 100000"));
  ASSERT_TRUE(ledger_->append(close_rows(n), {}));
  EXPECT_EQ(whole_closes(), n + 1);
}

TEST_F(LedgerCrashTest, TwoWritersShareOneChain) {
  auto other = open_database(path_, Access::kWrite, 20);
  auto second = Ledger::open(*other);
  for (int n = 0; n < 10; ++n)
    ASSERT_TRUE((n % 2 == 0 ? *ledger_ : *second).append(close_rows(n), {}));
  EXPECT_FALSE(second->append(close_rows(9), {}));
  EXPECT_EQ(whole_closes(), 10);
  auto transaction = store::Transaction::begin(*database_);
  const auto locked = second->append(close_rows(10), {});
  ASSERT_FALSE(locked.has_value());
  EXPECT_EQ(locked.error().code, ErrorCode::kUnavailable);
  { const store::Transaction dropped = std::move(*transaction); }
  EXPECT_TRUE(second->append(close_rows(10), {}));
}

}  // namespace
}  // namespace mop::serve
