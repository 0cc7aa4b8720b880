#include "mop/store/candle_store.h"

#include <thread>

#include "mop/store/candle_csv.h"
#include "mop/store/test_support.h"

namespace mop::store {
namespace {

using market::Candle;
using market::Interval;

class CandleStoreTest : public StoreTest {
 protected:
  CandleStore store() { return {dir_, fs_, clock_}; }
  StoreReport merged(const std::vector<Candle>& candles, std::string_view source = "binance") {
    CandleStore s = store();
    auto report = s.merge("BTCUSDT", Interval::k1h, candles, source);
    MOP_CHECK(report.has_value()) << report.error().message;
    return *report;
  }
  std::vector<Candle> stored() { return store().load_candles("BTCUSDT", Interval::k1h).value(); }
  std::string csv() { return dir_ + "/BTCUSDT_1h.csv"; }
};

TEST_F(CandleStoreTest, NothingStoredSaysHowToFetch) {
  CandleStore s = store();
  const auto none = s.load("BTCUSDT", Interval::k1h);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(none.error().message,
            fmt::format("no candles of BTCUSDT 1h in {}; run `mop fetch --symbols BTCUSDT "
                        "--timeframes 1h`",
                        dir_));
  EXPECT_TRUE(s.series().empty());
  EXPECT_TRUE(s.metadata().value().files.empty());
  EXPECT_FALSE(fs_.exists(dir_));  // looking leaves no trace
}

TEST_F(CandleStoreTest, FirstMergeStoresAndLaterOnesAppend) {
  const StoreReport first = merged(hours(0, 3));
  EXPECT_EQ(first.rows_before, 0u);
  EXPECT_EQ(first.rows_added, 3u);
  const std::string before = text_of(csv());
  const StoreReport second = merged(hours(2, 5));  // one known, two new
  EXPECT_EQ(second.rows_before, 3u);
  EXPECT_EQ(second.rows_added, 2u);
  EXPECT_EQ(second.rows_changed, 0u);
  EXPECT_EQ(second.rows, 5u);
  EXPECT_EQ(second.first_open_time, kT0);
  EXPECT_EQ(second.last_open_time, kT0 + 4 * kHour);
  EXPECT_TRUE(second.gaps.empty());
  EXPECT_EQ(stored(), hours(0, 5));
  EXPECT_EQ(text_of(csv()).substr(0, before.size()), before);
  EXPECT_EQ(merged(hours(0, 5)).rows_added, 0u);
}

TEST_F(CandleStoreTest, TheLastVersionWinsAndOlderRowsAreInserted) {
  merged(hours(2, 4));
  std::vector<Candle> candles = hours(0, 6);
  candles[3] = hourly(3, "101.75000000");
  const StoreReport report = merged(candles);
  EXPECT_EQ(report.rows_added, 4u);
  EXPECT_EQ(report.rows_changed, 1u);
  EXPECT_EQ(report.rows, 6u);
  EXPECT_EQ(stored(), candles);
  EXPECT_EQ(store().metadata().value().find("BTCUSDT", Interval::k1h)->rows, 6u);
}

TEST_F(CandleStoreTest, AbsentColumnsDoNotEraseStoredOnes) {
  Candle poor = hourly(0);
  poor.quote_volume = poor.taker_buy_base = poor.taker_buy_quote = {};
  poor.trades = -1;
  merged({hourly(0)});
  EXPECT_EQ(merged({poor}, "import").rows_changed, 0u);
  EXPECT_EQ(stored().at(0), hourly(0));
  Candle other = poor;
  other.close = dec("100.5");
  EXPECT_EQ(merged({other}, "import").rows_changed, 1u);
  EXPECT_EQ(stored().at(0), other);  // another version: its absent columns are not known
  EXPECT_EQ(merged({hourly(0)}).rows_changed, 1u);
  EXPECT_EQ(stored().at(0), hourly(0));
}

TEST_F(CandleStoreTest, AnEqualNumberKeepsItsStoredSpelling) {
  merged(hours(0, 2));
  const std::string before = text_of(csv());
  Candle padded = hourly(1);
  padded.close = dec("101.5");
  EXPECT_EQ(merged({padded}).rows_changed, 0u);
  EXPECT_EQ(text_of(csv()), before);
}

TEST_F(CandleStoreTest, RefusesCandlesThatAreInvalidOrOutOfOrder) {
  CandleStore s = store();
  Candle bad = hourly(1);
  bad.high = dec("1");
  for (const auto& candles : {std::vector<Candle>{bad}, {hourly(1), hourly(0)}, {hourly(1), hourly(1)}}) {
    const auto report = s.merge("BTCUSDT", Interval::k1h, candles, "binance");
    ASSERT_FALSE(report.has_value());
    EXPECT_EQ(report.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(s.series().empty());
}

TEST_F(CandleStoreTest, MetadataTellsTheFileWithoutReadingIt) {
  merged(hours(0, 3));
  clock_.set(clock_.now() + kHour);
  std::vector<Candle> more = hours(5, 7);
  merged(more, "import");
  const FileMetadata file = *read_metadata(fs_, dir_).value().find("BTCUSDT", Interval::k1h);
  EXPECT_EQ(file.rows, 5u);
  EXPECT_EQ(file.bytes, text_of(csv()).size());
  EXPECT_EQ(file.last_open_time, kT0 + 6 * kHour);
  EXPECT_EQ(file.last_updated, clock_.now());
  EXPECT_EQ(file.sources, (std::vector<std::string>{"binance", "import"}));
  ContentHash whole;
  whole.extend(text_of(csv()));
  EXPECT_EQ(file.content_hash, whole);  // extended twice, never recomputed
  EXPECT_EQ(file.gaps, (std::vector<Gap>{{kT0 + 3 * kHour, kT0 + 4 * kHour, 2, GapKind::kNotFetched}}));
}

TEST_F(CandleStoreTest, FillingAHoleClosesTheGap) {
  merged({hourly(0), hourly(3)});
  EXPECT_EQ(merged({hourly(1)}).gaps.at(0).missing, 1u);
  EXPECT_TRUE(merged({hourly(2)}).gaps.empty());
  EXPECT_EQ(stored(), hours(0, 4));
}

TEST_F(CandleStoreTest, MarkedGapsSurviveAppendsRewritesAndRebuilds) {
  merged({hourly(0), hourly(5)});
  CandleStore s = store();
  ASSERT_TRUE(s.mark_no_trades("BTCUSDT", Interval::k1h, kT0, kT0 + 2 * kHour));
  const std::vector<Gap> expected{{kT0 + kHour, kT0 + 2 * kHour, 2, GapKind::kNoTrades},
                                  {kT0 + 3 * kHour, kT0 + 4 * kHour, 2, GapKind::kNotFetched}};
  EXPECT_EQ(merged({hourly(6)}).gaps, expected);
  EXPECT_EQ(merged({hourly(6, "101.25")}).gaps, expected);
  ASSERT_TRUE(fs_.append_at(csv(), fs_.size(csv()).value(), "17"));
  EXPECT_EQ(merged({hourly(7)}).gaps, expected);
  EXPECT_EQ(s.mark_no_trades("ETHUSDT", Interval::k1h, 0, 1).error().code, ErrorCode::kNotFound);
}

TEST_F(CandleStoreTest, ARenamedCoinIsSplicedOnRequestAndNeverInItsFile) {
  CandleStore s(dir_, fs_, clock_);
  ASSERT_TRUE(s.merge("MATICUSDT", Interval::k1h, hours(0, 3), "binance").has_value());
  EXPECT_EQ(s.load_spliced("MATICUSDT", Interval::k1h).value().size(), 3u) << "its successor is not stored";
  ASSERT_TRUE(s.merge("POLUSDT", Interval::k1h, hours(10, 12), "binance").has_value());
  EXPECT_EQ(s.load_spliced("MATICUSDT", Interval::k1h).value().size(), 5u);
  EXPECT_EQ(s.load_spliced("POLUSDT", Interval::k1h).value().size(), 2u);
  EXPECT_EQ(s.load("MATICUSDT", Interval::k1h).value().size(), 3u);
}

TEST_F(CandleStoreTest, CopiedAndDeletedFilesAreNoticed) {
  merged(hours(0, 3));
  std::filesystem::copy_file(csv(), dir_ + "/ETHUSDT_1h.csv");
  CandleStore s = store();
  EXPECT_EQ(s.series(), (std::vector<SeriesKey>{{"BTCUSDT", Interval::k1h}, {"ETHUSDT", Interval::k1h}}));
  const Metadata both = s.metadata().value();
  ASSERT_EQ(both.files.size(), 2u);
  EXPECT_EQ(both.files[1].rows, 3u);
  EXPECT_EQ(both.files[1].sources, std::vector<std::string>{"unknown"});
  EXPECT_EQ(read_metadata(fs_, dir_).value().files.size(), 2u);  // saved as well
  std::filesystem::remove(csv());
  EXPECT_EQ(s.metadata().value().files.size(), 1u);
  EXPECT_EQ(read_metadata(fs_, dir_).value().files.size(), 1u);
}

TEST_F(CandleStoreTest, OtherFilesAreNoSeries) {
  ASSERT_TRUE(fs_.write_atomically(dir_ + "/notes.csv", "x"));
  for (const char* name :
       {"/btcusdt_1h.csv", "/_1h.csv", "/BTCUSDT_5m.csv", "/BTCUSDT_1h.csv.before-repair"}) {
    ASSERT_TRUE(fs_.write_atomically(dir_ + name, "x"));
  }
  EXPECT_TRUE(store().series().empty());
}

TEST_F(CandleStoreTest, ABrokenMetadataFileIsRebuilt) {
  merged(hours(0, 3));
  ASSERT_TRUE(fs_.write_atomically(dir_ + "/metadata.json", "{\"format\":"));
  EXPECT_EQ(store().metadata().value().files.at(0).rows, 3u);
  EXPECT_EQ(merged(hours(0, 4)).rows, 4u);
}

TEST_F(CandleStoreTest, AnotherProcessHoldingTheDirectoryIsWaitedForThenNamed) {
  merged(hours(0, 3));
  const auto held = FileLock::acquire(dir_ + "/.lock");
  ASSERT_TRUE(held.has_value());
  CandleStore s = store();
  const auto report = s.merge("BTCUSDT", Interval::k1h, hours(3, 4), "binance");
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(clock_.slept(), 10 * kSecond);
  EXPECT_EQ(s.load("BTCUSDT", Interval::k1h).value().size(), 3u);  // reading needs no lock
  EXPECT_EQ(s.metadata().value().files.size(), 1u);
}

TEST_F(CandleStoreTest, ThreadsMayMergeAtOnce) {
  CandleStore s = store();
  const char* const symbols[] = {"BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT"};
  std::vector<std::thread> threads;
  for (const char* symbol : symbols) {
    threads.emplace_back([&s, symbol] {
      for (int h = 0; h < 5; ++h) {
        EXPECT_TRUE(s.merge(symbol, Interval::k1h, hours(h, h + 1), "binance"));
      }
    });
  }
  for (std::thread& t : threads)
    t.join();
  const Metadata metadata = read_metadata(fs_, dir_).value();
  ASSERT_EQ(metadata.files.size(), 4u);
  for (const FileMetadata& file : metadata.files)
    EXPECT_EQ(file.rows, 5u) << file.symbol;
}

TEST_F(CandleStoreTest, RepairKeepsTheGoodRowsAndTheOldBytes) {
  merged(hours(0, 3));
  std::string text = text_of(csv());
  std::string late;
  append_row(late, hourly(5));
  append_row(late, hourly(4));                  // out of order
  append_row(late, hourly(1, "101.25000000"));  // a later version of a stored one
  text += late + "nonsense\n1735";
  ASSERT_TRUE(fs_.write_atomically(csv(), text));
  CandleStore s = store();
  EXPECT_EQ(s.load("BTCUSDT", Interval::k1h).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(s.merge("BTCUSDT", Interval::k1h, hours(6, 7), "binance").error().code, ErrorCode::kCorrupt);

  const RepairReport report = s.repair("BTCUSDT", Interval::k1h).value();
  EXPECT_EQ(report.rows_before, 7u);
  EXPECT_EQ(report.rows, 5u);
  EXPECT_EQ(report.dropped, 2u);
  EXPECT_TRUE(report.torn_tail_cut);
  EXPECT_EQ(text_of(report.kept_aside), text);
  EXPECT_EQ(stored(),
            (std::vector<Candle>{hourly(0), hourly(1, "101.25000000"), hourly(2), hourly(4), hourly(5)}));
  EXPECT_EQ(read_metadata(fs_, dir_).value().files.at(0).rows, 5u);
}

TEST_F(CandleStoreTest, RepairLeavesForeignLayoutsAlone) {
  ASSERT_TRUE(fs_.write_atomically(csv(), "open_time,open,high,low,close,volume\n"));
  const auto report = store().repair("BTCUSDT", Interval::k1h);
  ASSERT_FALSE(report.has_value());
  EXPECT_NE(report.error().message.find("mop import"), std::string::npos);
}

// Counts what reaches the disk.
class CountingFs final : public MemoryFs {
 public:
  std::uint64_t appended = 0, rewritten = 0, read_bytes = 0;
  Result<std::string> read(const std::string& path) override {
    auto bytes = MemoryFs::read(path);
    if (bytes && path.ends_with(".csv")) read_bytes += bytes->size();
    return bytes;
  }
  Result<void> write_atomically(const std::string& path, std::string_view bytes) override {
    if (path.ends_with(".csv")) rewritten += bytes.size();
    return MemoryFs::write_atomically(path, bytes);
  }
  Result<void> append_at(const std::string& path, std::uint64_t offset, std::string_view bytes) override {
    appended += bytes.size();
    return MemoryFs::append_at(path, offset, bytes);
  }
};

TEST_F(CandleStoreTest, AppendingCostsTheNewRowsHoweverLongTheHistory) {
  for (const int history : {10, 5000}) {
    CountingFs counting;
    CandleStore s(dir_, counting, clock_);
    ASSERT_TRUE(s.merge("BTCUSDT", Interval::k1h, hours(0, history), "binance"));
    counting.rewritten = 0;
    ASSERT_TRUE(s.merge("BTCUSDT", Interval::k1h, hours(history, history + 2), "binance"));
    EXPECT_EQ(counting.rewritten, 0u);
    EXPECT_EQ(counting.read_bytes, 0u);
    EXPECT_LT(counting.appended, 300u);
    // the usual fetch: the newest candles once more, and a new one
    ASSERT_TRUE(s.merge("BTCUSDT", Interval::k1h, hours(history - 1, history + 3), "binance"));
    EXPECT_EQ(counting.rewritten, 0u);
    EXPECT_LT(counting.appended, 450u);
    EXPECT_EQ(s.load("BTCUSDT", Interval::k1h).value().size(), static_cast<std::size_t>(history) + 3);
  }
}

}  // namespace
}  // namespace mop::store
