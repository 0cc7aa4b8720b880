#include "mop/store/import_csv.h"

#include "mop/store/test_support.h"

namespace mop::store {
namespace {

using market::Candle;
using market::Interval;

constexpr UnixMillis kNow = kT0 + 1000 * kDay;

Result<ImportedFile> hourly_file(std::string_view text, UnixMillis now = kNow) {
  return parse_foreign(text, Interval::k1h, now, "BTCUSDT_1h.csv");
}

void expect_two_candles(std::string_view text) {
  const auto file = hourly_file(text);
  ASSERT_TRUE(file.has_value()) << file.error().message << "\n" << text;
  ASSERT_EQ(file->candles.size(), 2u) << text;
  for (std::size_t i = 0; i < 2; ++i) {
    const Candle& c = file->candles[i];
    EXPECT_EQ(c.open_time, kT0 + static_cast<UnixMillis>(i) * kHour) << text;
    EXPECT_EQ(c.close_time, c.open_time + kHour - 1);
    EXPECT_EQ(c.open, dec("10"));
    EXPECT_EQ(c.high, dec("12"));
    EXPECT_EQ(c.low, dec("9"));
    EXPECT_EQ(c.close, dec("11"));
    EXPECT_EQ(c.volume, dec("5"));
  }
}

TEST(ImportCsvTest, ReadsEveryStampAndHeaderSpelling) {
  for (const char* name : {"open_time", "timestamp", "datetime", "date", "time", "Open time", "OPEN_TIME",
                           "Date", "\"timestamp\"", "\xef\xbb\xbftimestamp"}) {
    expect_two_candles(
        std::string(name) +
        ",open,high,low,close,volume\n1735689600000,10,12,9,11,5\n1735693200000,10,12,9,11,5\n");
  }
  const std::pair<const char*, const char*> stamps[] = {
      {"1735689600", "1735693200"},
      {"1735689600000.0", "1735693200000.0"},
      {"1735689600000000", "1735693200000000"},
      {"1735689600000000000", "1735693200000000000"},
      {"2025-01-01", "2025-01-01 01:00"},
      {"2025-01-01 00:00:00", "2025-01-01 01:00:00"},
      {"2025-01-01T00:00:00Z", "2025-01-01T01:00:00Z"},
      {"2025-01-01 00:00:00+00:00", "2025-01-01 01:00:00+00:00"},
  };
  for (const auto& [first, second] : stamps) {
    expect_two_candles(fmt::format("timestamp,Open,High,Low,Close,Volume\n{},10,12,9,11,5\n{},10,12,9,11,5\n",
                                   first, second));
  }
}

TEST(ImportCsvTest, ReadsOtherToolsLayouts) {
  // pandas with an index, CRLF, another order of columns and one nobody knows
  expect_two_candles(
      ",Date,Close,Open,High,Low,Volume,symbol\r\n0,2025-01-01,11,10,12,9,5,BTC\r\n"
      "1,2025-01-01 01:00:00,11,10,12,9,5,BTC\r\n");
  expect_two_candles("1735689600000,10,12,9,11,5\n1735693200000,10,12,9,11,5\n\n");  // no header, blank end
}

TEST(ImportCsvTest, ReadsBinanceArchiveRowsInMilliAndMicroseconds) {
  expect_two_candles(
      "1735689600000,10.0,12.0,9.0,11.0,5.0,1735693199999,55.5,7,2.5,27.5,0\n"
      "1735693200000,10.0,12.0,9.0,11.0,5.0,1735696799999,55.5,7,2.5,27.5,0\n");
  const auto file =
      hourly_file("1735689600000000,10.0,12.0,9.0,11.0,5.0,1735693199999999,55.5,7,2.5,27.5,0\n").value();
  ASSERT_EQ(file.candles.size(), 1u);
  const Candle& c = file.candles[0];
  EXPECT_EQ(c.close_time, kT0 + kHour - 1);
  EXPECT_EQ(c.quote_volume.text(), "55.5");
  EXPECT_EQ(c.trades, 7);
  EXPECT_EQ(c.taker_buy_base.text(), "2.5");
  EXPECT_EQ(c.taker_buy_quote.text(), "27.5");
}

TEST(ImportCsvTest, ReadsTenColumnsAndDerivesTheCloseTime) {
  const auto file = hourly_file(
                        "open_time,open,high,low,close,volume,quote_volume,trades,taker_base,taker_quote\n"
                        "1735689600000,10,12,9,11,5,55.5,7.0,2.5,27.5\n")
                        .value();
  EXPECT_EQ(file.candles.at(0).close_time, kT0 + kHour - 1);
  EXPECT_EQ(file.candles[0].trades, 7);
  EXPECT_EQ(file.candles[0].taker_buy_quote.text(), "27.5");
}

// Tools that go through floats write SHIB and PEPE prices with exponents; the digits are kept, not rounded.
TEST(ImportCsvTest, ExponentsBecomePlainDigits) {
  const auto file = hourly_file(
                        "date,open,high,low,close,volume\n"
                        "2025-01-01,1.174e-05,1.2E-5,1e-05,1.174e-05,1.25e+3\n")
                        .value();
  const Candle& c = file.candles.at(0);
  EXPECT_EQ(c.open.text(), "0.00001174");
  EXPECT_EQ(c.high.text(), "0.000012");
  EXPECT_EQ(c.low.text(), "0.00001");
  EXPECT_EQ(c.volume.text(), "1250");
}

// Binance closed one candle early on 2023-03-24, when it went down; the store keeps the grid.
TEST(ImportCsvTest, ACandleCutShortByAnOutageKeepsItsGrid) {
  const auto file =
      parse_foreign("1679661000000,2,2,2,2,0,1679661599999,0,0,0,0,0\n", Interval::k15m, kNow, "f").value();
  EXPECT_EQ(file.candles.at(0).close_time, 1679661000000 + 15 * kMinute - 1);
}

TEST(ImportCsvTest, OnlyTheLastCandleMayBeUnfinished) {
  const std::string text =
      "time,open,high,low,close,volume\n1735689600000,10,12,9,11,5\n1735693200000,10,12,9,11,5\n";
  const auto file = hourly_file(text, kT0 + kHour + 1).value();
  EXPECT_EQ(file.candles.size(), 1u);
  EXPECT_TRUE(file.open_candle_left_out);
  const auto future = hourly_file(text, kT0 + 1);
  ASSERT_FALSE(future.has_value());
  EXPECT_NE(future.error().message.find("line 3: candle of 2025-01-01 01:00 lies in the future"),
            std::string::npos)
      << future.error().message;
}

TEST(ImportCsvTest, EqualNeighboursAreOneCandle) {
  const auto file = hourly_file(
                        "time,open,high,low,close,volume\n1735689600000,10,12,9,11,5\n"
                        "1735689600000,10.0,12,9,11,5\n1735693200000,10,12,9,11,5\n")
                        .value();
  EXPECT_EQ(file.candles.size(), 2u);
  EXPECT_EQ(file.duplicates, 1u);
}

struct BadFile {
  const char* text;
  const char* says;
};

class ImportCsvBadFileTest : public testing::TestWithParam<BadFile> {};

TEST_P(ImportCsvBadFileTest, IsRefusedWithOneClearSentence) {
  const auto file = hourly_file(GetParam().text);
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(file.error().message.find("BTCUSDT_1h.csv "), 0u) << file.error().message;
  EXPECT_NE(file.error().message.find(GetParam().says), std::string::npos) << file.error().message;
  EXPECT_EQ(file.error().message.find('\n'), std::string::npos);
}

#define HEAD "time,open,high,low,close,volume\n1735689600000,10,12,9,11,5\n"
INSTANTIATE_TEST_SUITE_P(
    Files, ImportCsvBadFileTest,
    testing::Values(
        BadFile{"", "is empty"},
        BadFile{"time,open,high,low,close,volume\n", "has a header but no finished candle"},
        BadFile{HEAD "1735693200000,10,12,9,11,5", "line 3: the last line has no line end"},
        BadFile{HEAD "1735693200000,10,12\n", "line 3: a row must have 6 columns like the first line, had 3"},
        BadFile{HEAD "1735693200000,10,12,9,NaN,5\n", "line 3: close must be a plain number"},
        BadFile{HEAD "1735693200000,10,12,9,,5\n", "close must be a plain number"},
        BadFile{HEAD "1735693200000,10,12,9,11,-5\n", "not negative, was '-5'"},
        BadFile{HEAD "1735693200000,10,8,9,11,5\n", "high 8 is below low 9"},
        BadFile{HEAD "1735693200000,10,12,9,13,5\n", "must lie within"},
        BadFile{HEAD "1735693200000,0,12,0,11,5\n", "above 0"},
        BadFile{HEAD "1735689600000,10,12,9,11.5,5\n", "line 3: candle of 2025-01-01 00:00 appears twice"},
        BadFile{HEAD "1735686000000,10,12,9,11,5\n", "line 3: rows must ascend by open time"},
        BadFile{HEAD "1735690500000,10,12,9,11,5\n", "open time must be a multiple of 1h"},
        BadFile{HEAD "yesterday,10,12,9,11,5\n", "open time must be an epoch time or a UTC date"},
        BadFile{HEAD "2025-01-01 01:00:00+02:00,10,12,9,11,5\n",
                "open time must be an epoch time or a UTC date"},
        BadFile{"a,b,c\n1,2,3\n", "line 1: the header must name a column open_time, timestamp"},
        BadFile{"time,open,high,low,volume\n1,1,1,1,1\n",
                "must name a column close, was 'time,open,high,low,volume'"},
        BadFile{"1735689600000,10,12,9,11,5,6\n", "without a header must have 6, 11 or 12 columns, had 7"},
        BadFile{"1735689600000,10,12,9,11,5,1735690499999,55,7,2,27,0\n1735690500000,1,1,1,1,1,1,1,1,1,1,1\n",
                "line 2"},
        BadFile{"1735689600000,10,12,9,11,5,1735703999999,55,7,2,27,0\n", "close time must lie within 1h"},
        BadFile{"1735689600000,10,12,9,11,5,1735693199999,55,7.5,2,27,0\n", "trades must be a whole number"},
        BadFile{HEAD "1735693200000,1e99,12,9,11,5\n", "was '1e99'"}));
#undef HEAD

TEST(ImportFileNameTest, TellsSymbolAndInterval) {
  const auto key = [](std::string_view name) { return series_of_file_name(name); };
  EXPECT_EQ(key("a/b/BTCUSDT_1h.csv").value(), (SeriesKey{"BTCUSDT", Interval::k1h}));
  EXPECT_EQ(key("POLUSDT-15m.csv").value(), (SeriesKey{"POLUSDT", Interval::k15m}));
  EXPECT_EQ(key("BTCUSDT-1h-2024-12.csv").value(), (SeriesKey{"BTCUSDT", Interval::k1h}));
  EXPECT_EQ(key("BTCUSDT-15m-2024-12-31.csv").value(), (SeriesKey{"BTCUSDT", Interval::k15m}));
  for (const char* name : {"candles.csv", "BTCUSDT_1h.txt", "_1h.csv", "BTCUSDT-1h-old.csv", ".csv", ""}) {
    ASSERT_FALSE(key(name).has_value()) << name;
    EXPECT_NE(key(name).error().message.find("name it like BTCUSDT_1h.csv"), std::string::npos) << name;
  }
  EXPECT_NE(key("BTCUSDT_5m.csv").error().message.find("15m or 1h"), std::string::npos);
  EXPECT_NE(key("BTCUSD_1h.csv").error().message.find("did you mean BTCUSDT"), std::string::npos);
}

// Reference candles, when they lie beside the project: the 10-column layout and the 6-column one.
TEST(ImportCsvTest, ReadsTheReferenceCandles) {
  PosixFs fs;
  const std::string dir = MOP_SOURCE_DIR "/../shared/candles/";
  if (!fs.exists(dir)) GTEST_SKIP() << "no candles in ../shared/candles";
  const auto pol = hourly_file(fs.read(dir + "POLUSDT_1h.csv").value());
  ASSERT_TRUE(pol.has_value()) << pol.error().message;
  EXPECT_EQ(format_utc(pol->candles.front().open_time), "2024-09-13 10:00");
  const auto btc = hourly_file(fs.read(dir + "BTCUSDT_1h.csv").value());
  ASSERT_TRUE(btc.has_value()) << btc.error().message;
  EXPECT_EQ(btc->candles.front().trades, 149854);
  EXPECT_EQ(btc->candles.front().taker_buy_quote.text(), "36032352.8703572");
}

}  // namespace
}  // namespace mop::store
