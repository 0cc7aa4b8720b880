#include "mop/store/candle_csv.h"

#include <cmath>

#include "mop/store/test_support.h"

namespace mop::store {
namespace {

using market::Candle;
using market::Interval;

std::string file_of(const std::vector<Candle>& candles) {
  std::string text = fmt::format("{}\n", kCandleHeader);
  for (const Candle& c : candles)
    append_row(text, c);
  return text;
}

TEST(CandleCsvTest, TextComesBackExactly) {
  std::vector<Candle> candles = hours(0, 3);
  candles[1].open = dec("100.0");  // another spelling
  candles[1].volume = dec("12345678901234.00000001");
  candles[2].quote_volume = candles[2].taker_buy_base = candles[2].taker_buy_quote = {};
  candles[2].trades = -1;
  const std::string text = file_of(candles);
  const auto parsed = parse_candles(text, Interval::k1h, "f");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  const auto& read = *parsed;
  EXPECT_EQ(file_of(read), text);
  EXPECT_EQ(read, candles);
  EXPECT_EQ(
      text.substr(text.find("1735696800000")),
      "1735696800000,100.00000000,102.00000000,99.00000000,101.50000000,1002.25000000,1735700399999,,,,\n");
}

// The fast reader of columns and the exact reader of text must give the same doubles.
TEST(CandleCsvTest, ColumnsEqualTheExactReading) {
  std::vector<Candle> candles = hours(0, 4);
  candles[1].volume = dec("9007199254740993.5");               // beyond 2^53: the slow path
  candles[2].volume = dec("0.12345678901234567890123456789");  // longest Decimal
  candles[3].open = dec("100.123456789012");
  const std::string text = file_of(candles);
  const auto series = parse_series(text, "BTCUSDT", Interval::k1h, "f").value();
  ASSERT_EQ(series.size(), candles.size());
  for (std::size_t i = 0; i < candles.size(); ++i) {
    EXPECT_EQ(series.open[i], candles[i].open.value());
    EXPECT_EQ(series.volume[i], candles[i].volume.value());
    EXPECT_EQ(series.open_time[i], candles[i].open_time);
  }
}

TEST(CandleCsvTest, TakerVolumesComeWhereTheRowStatesThem) {
  std::vector<Candle> candles = hours(0, 3);
  candles[0].taker_buy_base = dec("0.25");
  candles[1].taker_buy_base = {};
  candles[2].taker_buy_base = dec("0.12345678901234567890123456789");  // the slow path
  const auto series = parse_series(file_of(candles), "BTCUSDT", Interval::k1h, "f").value();
  ASSERT_EQ(series.taker_buy_base.size(), 3u);
  EXPECT_EQ(series.taker_buy_base[0], 0.25);
  EXPECT_TRUE(std::isnan(series.taker_buy_base[1]));
  EXPECT_EQ(series.taker_buy_base[2], candles[2].taker_buy_base.value());
  for (Candle& c : candles)
    c.taker_buy_base = {};
  EXPECT_TRUE(parse_series(file_of(candles), "BTCUSDT", Interval::k1h, "f").value().taker_buy_base.empty());
}

TEST(CandleCsvTest, ATornLastRowIsIgnored) {
  const std::string text = file_of(hours(0, 3));
  const std::string one_row_less = file_of(hours(0, 2));
  for (std::size_t n = one_row_less.size(); n < text.size(); ++n) {
    const std::string torn = text.substr(0, n);
    EXPECT_EQ(torn_bytes(torn), n - one_row_less.size());
    EXPECT_EQ(parse_candles(torn, Interval::k1h, "f").value().size(), 2u);
    EXPECT_EQ(parse_series(torn, "BTCUSDT", Interval::k1h, "f").value().size(), 2u);
  }
}

struct BadRow {
  const char* row;
  const char* rule;
  const char* says;
};

class CandleCsvBadRowTest : public testing::TestWithParam<BadRow> {};

TEST_P(CandleCsvBadRowTest, IsNamedByLineRuleAndValue) {
  const BadRow& p = GetParam();
  const std::string text = file_of(hours(0, 2)) + p.row + "\n";
  const auto series = parse_series(text, "BTCUSDT", Interval::k1h, "data/raw/BTCUSDT_1h.csv");
  ASSERT_FALSE(series.has_value());
  EXPECT_EQ(series.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(series.error().message.find("data/raw/BTCUSDT_1h.csv line 4: "), 0u) << series.error().message;
  EXPECT_NE(series.error().message.find(p.says), std::string::npos) << series.error().message;
  EXPECT_EQ(parse_candles(text, Interval::k1h, "data/raw/BTCUSDT_1h.csv").error().message,
            series.error().message);
  const FileScan found = scan(text, Interval::k1h);
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_EQ(found.problems[0].line, 4u);
  EXPECT_EQ(found.problems[0].rule, p.rule);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, CandleCsvBadRowTest,
    testing::Values(
        BadRow{"", "columns", "11 columns, had 1"},
        BadRow{"1735696800000,1,1,1,1,1,1735700399999", "columns", "11 columns, had 7"},
        BadRow{"1735696800000,1,1,1,1,1,1735700399999,,,,,", "columns", "had 12"},
        BadRow{"x,1,1,1,1,1,1735700399999,,,,", "number", "open_time must be epoch milliseconds, was 'x'"},
        BadRow{"-3600000,1,1,1,1,1,-1,,,,", "number", "open_time"},
        BadRow{"1735696800000,1,1,1,nan,1,1735700399999,,,,", "number",
               "close must be a plain decimal number, was 'nan'"},
        BadRow{"1735696800000,1,inf,1,1,1,1735700399999,,,,", "number", "was 'inf'"},
        BadRow{"1735696800000,1,1,-1,1,1,1735700399999,,,,", "number", "low must be"},
        BadRow{"1735696800000,1,1,1,1,,1735700399999,,,,", "number", "volume must be"},
        BadRow{"1735696800000,1,1,1,1,1e3,1735700399999,,,,", "number", "was '1e3'"},
        BadRow{"1735696800000,1,1,1,1,1,1735700399999,,1.5,,", "number", "trades must be"},
        BadRow{"1735696800000,1,1,1,1,1,1735700399999,,,1.2.3,", "number", "taker_buy_base"},
        BadRow{"1735696800000,1,1,1,1,1,1735700399999,,,,1\r", "number", "was '1?'"},
        BadRow{"1735696800001,1,1,1,1,1,1735700400000,,,,", "grid", "multiple of 1h"},
        BadRow{"1735696800000,1,1,1,1,1,1735697699999,,,,", "grid", "close time must be 1735700399999"},
        BadRow{"1735696800000,1,1,2,1,1,1735700399999,,,,", "ohlc", "high 1 is below low 2"},
        BadRow{"1735696800000,1,2,1,3,1,1735700399999,,,,", "ohlc", "must lie within"},
        BadRow{"1735696800000,0,2,0,1,1,1735700399999,,,,", "ohlc", "above 0"},
        BadRow{"1735693200000,1,1,1,1,1,1735696799999,,,,", "duplicate", "appears twice"},
        BadRow{"1735689600000,1,1,1,1,1,1735693199999,,,,", "order",
               "2025-01-01 00:00 comes after 2025-01-01 01:00"}));

TEST(CandleCsvTest, AnotherHeaderIsSentToImport) {
  for (const std::string text : {"open_time,open,high,low,close,volume\n1,1,1,1,1,1\n", "", "garbage"}) {
    const auto series = parse_series(text, "BTCUSDT", Interval::k1h, "f");
    ASSERT_FALSE(series.has_value());
    EXPECT_NE(series.error().message.find("mop import"), std::string::npos) << series.error().message;
    EXPECT_EQ(scan(text, Interval::k1h).problems.at(0).rule, "header");
  }
}

TEST(CandleCsvTest, OffsetOfFindsEveryRow) {
  std::vector<Candle> candles = hours(0, 5);
  candles.push_back(hourly(9));
  candles[3].quote_volume = candles[3].taker_buy_base = {};  // rows of other lengths
  const std::string text = file_of(candles);
  for (const Candle& c : candles) {
    const std::size_t at = offset_of(text, c.open_time);
    EXPECT_EQ(text.substr(at, 13), fmt::format("{}", c.open_time));
    EXPECT_EQ(offset_of(text, c.open_time - 1), at);
  }
  EXPECT_EQ(offset_of(text, 0), kCandleHeader.size() + 1);
  EXPECT_EQ(offset_of(text, hourly(10).open_time), text.size());
  EXPECT_EQ(offset_of(text + "1735", hourly(10).open_time), text.size());  // a torn tail is no row
  EXPECT_EQ(offset_of(file_of({}), 0), kCandleHeader.size() + 1);
  EXPECT_EQ(offset_of("", 0), 0u);
}

}  // namespace
}  // namespace mop::store
