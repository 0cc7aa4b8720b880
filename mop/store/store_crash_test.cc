// The disk fails, or the process dies, at every step of a merge's writing: the store that is opened
// afterwards has the old rows, then new ones without a hole or a half row, and metadata that agree with its
// file.
#include "mop/store/candle_csv.h"
#include "mop/store/candle_store.h"
#include "mop/store/test_support.h"

namespace mop::store {
namespace {

using market::Candle;
using market::Interval;

// Has a budget of steps, then fails for good: a full disk, or, seen by the next process, a crash. An appended
// byte is a step. An atomic write is two, however long: it fails with nothing, or with half a file beside the
// target.
class FailingFs final : public MemoryFs {
 public:
  static constexpr std::uint64_t kHealthy = ~std::uint64_t{0};
  void set_budget(std::uint64_t steps) {
    left_ = steps;
    failed_ = false;
  }
  bool failed() const { return failed_; }

  Result<void> write_atomically(const std::string& path, std::string_view bytes) override {
    const std::uint64_t room = left_;
    if (spend(2)) return MemoryFs::write_atomically(path, bytes);
    MOP_TRY(MemoryFs::write_atomically(path + ".tmp.1", bytes.substr(0, room * bytes.size() / 2)));
    return fail(ErrorCode::kIo, "cannot write " + path + ": no space left on device");
  }
  Result<void> append_at(const std::string& path, std::uint64_t offset, std::string_view bytes) override {
    const std::uint64_t room = left_;
    if (spend(bytes.size())) return MemoryFs::append_at(path, offset, bytes);
    MOP_TRY(MemoryFs::append_at(path, offset, bytes.substr(0, room)));
    return fail(ErrorCode::kIo, "cannot write " + path + ": no space left on device");
  }

 private:
  bool spend(std::uint64_t steps) {
    failed_ = failed_ || steps > left_;
    if (left_ != kHealthy) left_ = failed_ ? 0 : left_ - steps;
    return !failed_;
  }
  std::uint64_t left_ = kHealthy;
  bool failed_ = false;
};

class StoreCrashTest : public StoreTest {
 protected:
  // Merges `fresh` over `old` with a disk that fails after every possible number of steps.
  void crash_everywhere(const std::vector<Candle>& old, const std::vector<Candle>& fresh,
                        const std::vector<Candle>& wanted, bool prefixes_allowed) {
    bool finished = false;
    for (std::uint64_t budget = 0; !finished; ++budget) {
      disk_ = FailingFs();
      ASSERT_TRUE(opened().merge("BTCUSDT", Interval::k1h, old, "binance"));
      disk_.set_budget(budget);
      finished = opened().merge("BTCUSDT", Interval::k1h, fresh, "binance").has_value();
      ASSERT_NE(finished, disk_.failed());
      disk_.set_budget(FailingFs::kHealthy);
      check_rows(old, wanted, prefixes_allowed, budget);
      check_metadata(budget);
      ASSERT_TRUE(opened().merge("BTCUSDT", Interval::k1h, fresh, "binance")) << budget;
      ASSERT_EQ(opened().load_candles("BTCUSDT", Interval::k1h).value(), wanted) << budget;
      check_metadata(budget);
    }
  }

  CandleStore opened() { return {dir_, disk_, clock_}; }

  void check_rows(const std::vector<Candle>& old, const std::vector<Candle>& wanted, bool prefixes_allowed,
                  std::uint64_t budget) {
    const auto rows = opened().load_candles("BTCUSDT", Interval::k1h);
    if (old.empty() && !rows) {
      ASSERT_EQ(rows.error().code, ErrorCode::kNotFound) << rows.error().message;
      return;
    }
    ASSERT_TRUE(rows.has_value()) << rows.error().message << " after step " << budget;
    if (*rows == old || *rows == wanted) return;
    ASSERT_TRUE(prefixes_allowed) << "neither old nor new rows after step " << budget;
    ASSERT_GE(rows->size(), old.size());
    ASSERT_TRUE(std::equal(rows->begin(), rows->end(), wanted.begin())) << budget;
  }

  void check_metadata(std::uint64_t budget) {
    const Metadata metadata = opened().metadata().value();
    const std::string csv = dir_ + "/BTCUSDT_1h.csv";
    ASSERT_EQ(metadata.files.size(), disk_.exists(csv) ? 1u : 0u);
    if (metadata.files.empty()) return;
    const std::string bytes = disk_.read(csv).value();
    const std::string_view complete = std::string_view(bytes).substr(0, bytes.size() - torn_bytes(bytes));
    const auto rows = parse_candles(complete, Interval::k1h, "f").value();
    ContentHash hash;
    hash.extend(complete);
    const FileMetadata& file = metadata.files[0];
    ASSERT_EQ(file.bytes, complete.size()) << budget;
    ASSERT_EQ(file.content_hash, hash) << budget;
    ASSERT_EQ(file.rows, rows.size()) << budget;
    ASSERT_EQ(file.last_open_time, rows.back().open_time) << budget;
  }

  FailingFs disk_;
};

TEST_F(StoreCrashTest, FirstMerge) {
  crash_everywhere({}, hours(0, 3), hours(0, 3), false);
}

TEST_F(StoreCrashTest, Append) {
  crash_everywhere(hours(0, 3), hours(3, 5), hours(0, 5), true);
}

TEST_F(StoreCrashTest, AppendBehindAKnownCandle) {
  crash_everywhere(hours(0, 3), hours(2, 4), hours(0, 4), true);
}

TEST_F(StoreCrashTest, InsertionInTheMiddle) {
  crash_everywhere({hourly(0), hourly(3)}, hours(1, 5), hours(0, 5), false);
}

// The new file is as long as the old one, so only the voided entry shows that the hash is stale.
TEST_F(StoreCrashTest, ChangeOfEqualLength) {
  std::vector<Candle> wanted = hours(0, 3);
  wanted[1] = hourly(1, "101.75000000");
  crash_everywhere(hours(0, 3), {wanted[1]}, wanted, false);
}

}  // namespace
}  // namespace mop::store
