#include "mop/store/sources.h"

#include "mop/store/candle_store.h"
#include "mop/store/test_support.h"

namespace mop::store {
namespace {

using market::Candle;
using market::Interval;

TEST(SourcesTest, LaterAssignmentsReplaceSplitAndJoin) {
  std::vector<SourceRange> ranges;
  assign_source(ranges, 10, 19, "a");
  assign_source(ranges, 20, 29, "a");
  EXPECT_EQ(ranges, (std::vector<SourceRange>{{10, 29, "a"}}));
  assign_source(ranges, 14, 16, "b");
  EXPECT_EQ(ranges, (std::vector<SourceRange>{{10, 13, "a"}, {14, 16, "b"}, {17, 29, "a"}}));
  assign_source(ranges, 12, 20, "c");
  EXPECT_EQ(ranges, (std::vector<SourceRange>{{10, 11, "a"}, {12, 20, "c"}, {21, 29, "a"}}));
  assign_source(ranges, 0, 40, "d");
  EXPECT_EQ(ranges, (std::vector<SourceRange>{{0, 40, "d"}}));
  assign_source(ranges, 50, 60, "e");
  assign_source(ranges, -9, -1, "e");
  EXPECT_EQ(ranges, (std::vector<SourceRange>{{-9, -1, "e"}, {0, 40, "d"}, {50, 60, "e"}}));
  EXPECT_TRUE(are_in_order(ranges));
}

using SourcesStoreTest = StoreTest;

TEST_F(SourcesStoreTest, EveryRowHasItsSource) {
  CandleStore store(dir_, fs_, clock_);
  ASSERT_TRUE(store.merge("BTCUSDT", Interval::k1h, hours(0, 10), "archive"));
  ASSERT_TRUE(store.merge("BTCUSDT", Interval::k1h, hours(8, 20), "binance"));
  auto entry = *store.metadata().value().find("BTCUSDT", Interval::k1h);
  EXPECT_EQ(entry.source_at(kT0 + 9 * kHour), "archive") << "an equal row stays with who delivered it first";
  EXPECT_EQ(entry.source_at(kT0 + 10 * kHour), "binance");
  const std::vector<Candle> corrected{hourly(4, "101.00000000")};
  ASSERT_TRUE(store.merge("BTCUSDT", Interval::k1h, corrected, "binance"));
  entry = *store.metadata().value().find("BTCUSDT", Interval::k1h);
  EXPECT_EQ(entry.source_at(kT0 + 3 * kHour), "archive");
  EXPECT_EQ(entry.source_at(kT0 + 4 * kHour), "binance");
  EXPECT_EQ(entry.source_at(kT0 + 5 * kHour), "archive");
}

TEST_F(SourcesStoreTest, AnotherExchangeNeverReplacesARow) {
  CandleStore store(dir_, fs_, clock_);
  ASSERT_TRUE(store.merge("XMRUSDT", Interval::k1h, hours(0, 5), "binance"));
  std::vector<Candle> foreign = hours(3, 8);
  for (Candle& c : foreign)
    c.close = dec("100.50000000");
  ASSERT_TRUE(store.merge("XMRUSDT", Interval::k1h, foreign, "ccxt:kucoin"));
  const auto rows = store.load_candles("XMRUSDT", Interval::k1h).value();
  ASSERT_EQ(rows.size(), 8u);
  EXPECT_EQ(rows[4].close.text(), "101.50000000") << "Binance's row stands";
  EXPECT_EQ(rows[5].close.text(), "100.50000000");
  const auto entry = *store.metadata().value().find("XMRUSDT", Interval::k1h);
  EXPECT_EQ(entry.ranges, (std::vector<SourceRange>{{kT0, kT0 + 4 * kHour, "binance"},
                                                    {kT0 + 5 * kHour, kT0 + 7 * kHour, "ccxt:kucoin"}}));
}

TEST_F(SourcesStoreTest, ReplacedRowsAreNoted) {
  CandleStore store(dir_, fs_, clock_);
  ASSERT_TRUE(store.merge("BTCUSDT", Interval::k1h, hours(0, 3), "archive"));
  EXPECT_FALSE(fs_.exists(dir_ + "/revisions.ndjson"));
  ASSERT_TRUE(
      store.merge("BTCUSDT", Interval::k1h, std::vector<Candle>{hourly(1, "101.00000000")}, "binance"));
  const std::string log = text_of(dir_ + "/revisions.ndjson");
  EXPECT_NE(log.find("101.50000000"), std::string::npos) << log;
  EXPECT_NE(log.find("101.00000000"), std::string::npos);
  EXPECT_NE(log.find(R"("before_source":"archive")"), std::string::npos);
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
}

TEST_F(SourcesStoreTest, RowsOfAnInterruptedAppendKeepTheirSourceAndSettleCutsTheTornOne) {
  CandleStore store(dir_, fs_, clock_);
  ASSERT_TRUE(store.merge("BTCUSDT", Interval::k1h, hours(0, 3), "archive"));
  const std::string before = text_of(dir_ + "/BTCUSDT_1h.csv");
  const std::string old_metadata = text_of(dir_ + "/metadata.json");
  ASSERT_TRUE(store.merge("BTCUSDT", Interval::k1h, hours(3, 6), "archive"));
  const std::string after = text_of(dir_ + "/BTCUSDT_1h.csv");
  // As a kill during the append leaves it: some new rows, a torn one, the metadata of before.
  ASSERT_TRUE(fs_.write_atomically(dir_ + "/BTCUSDT_1h.csv", after.substr(0, after.size() - 30)));
  ASSERT_TRUE(fs_.write_atomically(dir_ + "/metadata.json", old_metadata));
  ASSERT_TRUE(store.settle());
  EXPECT_EQ(store.load_candles("BTCUSDT", Interval::k1h).value(), hours(0, 5));
  const std::string settled = text_of(dir_ + "/BTCUSDT_1h.csv");
  EXPECT_TRUE(settled.ends_with('\n'));
  ASSERT_TRUE(store.merge("BTCUSDT", Interval::k1h, hours(2, 6), "archive"));
  EXPECT_EQ(text_of(dir_ + "/BTCUSDT_1h.csv"), after) << "the next merge completes the same bytes";
}

}  // namespace
}  // namespace mop::store
