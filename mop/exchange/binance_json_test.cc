#include "mop/exchange/binance_json.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

namespace mop::exchange {
namespace {

// The row of Binance's documentation.
constexpr const char* kRow =
    R"([1593306000000,"8982.51000000","8993.11000000","8948.06000000","8971.80000000","1222.48457600",)"
    R"(1593309599999,"10964814.12190425",14748,"565.39532900","5071626.48483206","0"])";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string row_text(const market::Candle& c) {
  std::ostringstream out;
  out << '[' << c.open_time << ",\"" << c.open.text() << "\",\"" << c.high.text() << "\",\"" << c.low.text()
      << "\",\"" << c.close.text() << "\",\"" << c.volume.text() << "\"," << c.close_time << ",\""
      << c.quote_volume.text() << "\"," << c.trades << ",\"" << c.taker_buy_base.text() << "\",\""
      << c.taker_buy_quote.text() << "\",\"0\"]";
  return out.str();
}

TEST(BinanceJsonTest, RowRoundTripsToTheExactText) {
  const auto rows = parse_klines("[" + std::string(kRow) + "]");
  ASSERT_TRUE(rows.has_value()) << rows.error().message;
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(row_text(rows->front()), kRow);
  EXPECT_EQ(rows->front().close.value(), 8971.8);
}

TEST(BinanceJsonTest, NoRowsIsNoError) {
  EXPECT_TRUE(parse_klines("[]").value().empty());
}

TEST(BinanceJsonTest, HostileRowsAreCorruptAndNamed) {
  const std::string good = kRow;
  const std::vector<std::pair<std::string, std::string>> cases{
      {replaced(good, ",\"0\"]", "]"), "12 columns"},
      {replaced(good, ",\"0\"]", ",\"0\",\"0\"]"), "12 columns"},
      {replaced(good, "\"8982.51000000\"", "8982.51"), "open must be a decimal number as text"},
      {replaced(good, "\"8982.51000000\"", "\"NaN\""), "open must be a plain decimal"},
      {replaced(good, "\"8982.51000000\"", "\"\""), "open must be a decimal"},
      {replaced(good, "\"8993.11000000\"", "null"), "high must be"},
      {replaced(good, "\"8948.06000000\"", "\"-8948.06\""), "low must be"},
      {replaced(good, "\"8971.80000000\"", "\"1e999\""), "close must be"},
      {replaced(good, "\"1222.48457600\"", "\"" + std::string(400, '9') + "\""), "volume must be"},
      {replaced(good, "1593306000000", "\"1593306000000\""), "open time must be"},
      {replaced(good, "1593306000000", "1593306000000000"), "open time must be"},  // microseconds
      {replaced(good, "1593306000000", "-1"), "open time must be"},
      {replaced(good, "1593309599999", "1593309599999.5"), "close time must be"},
      {replaced(good, "14748", "99999999999999999999999"), "trades must be"},
      {replaced(good, "14748", "-1"), "trades must be"},
      {replaced(good, "\"565.39532900\"", "[1]"), "taker buy base volume must be"},
      {"{}", "must be a list of 12 columns"},
      {"7", "must be a list of 12 columns"},
  };
  for (const auto& [row, rule] : cases) {
    const auto rows = parse_klines("[" + good + "," + row + "]");
    ASSERT_FALSE(rows.has_value()) << row;
    EXPECT_EQ(rows.error().code, ErrorCode::kCorrupt) << row;
    EXPECT_NE(rows.error().message.find("row 1"), std::string::npos) << rows.error().message;
    EXPECT_NE(rows.error().message.find(rule), std::string::npos) << rows.error().message;
    EXPECT_LT(rows.error().message.size(), 250u) << "a hostile value must not flood the message";
  }
}

TEST(BinanceJsonTest, AnythingButAListOfRowsIsCorrupt) {
  const std::string cut = std::string("[") + std::string(kRow).substr(0, 90);
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("null"), cut, std::string("<html>"),
        std::string(100000, '['), std::string("[]]"), std::string("[\"\xff\xfe\"]")}) {
    const auto rows = parse_klines(body);
    ASSERT_FALSE(rows.has_value()) << body.substr(0, 40);
    EXPECT_EQ(rows.error().code, ErrorCode::kCorrupt);
  }
}

TEST(BinanceJsonTest, ServerTimeMustBeMilliseconds) {
  EXPECT_EQ(parse_server_time(R"({"serverTime":1499827319559})").value(), 1499827319559);
  for (const char* bad :
       {"{}", "[]", R"({"serverTime":"1499827319559"})", R"({"serverTime":1499827319559123})",
        R"({"serverTime":-5})", R"({"serverTime":1e3})"}) {
    EXPECT_FALSE(parse_server_time(bad).has_value()) << bad;
  }
}

TEST(BinanceJsonTest, ExchangeInfoToleratesWhatItDoesNotKnow) {
  const auto info = parse_exchange_info(R"({"serverTime":5,"rateLimits":[
      {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200},
      {"rateLimitType":"REQUEST_WEIGHT","interval":"DAY","intervalNum":1,"limit":9},
      {"rateLimitType":"NEW_KIND"}, 7],
    "symbols":[
      {"symbol":"BTCUSDT","status":"TRADING","filters":[{"filterType":"LOT_SIZE"},
        {"filterType":"PRICE_FILTER","tickSize":"0.01000000"}]},
      {"symbol":"MATICUSDT","status":"BREAK","isSpotTradingAllowed":true},
      {"symbol":"币安人生USDT","status":"SOME_NEW_STATUS","filters":[{"filterType":"PRICE_FILTER","tickSize":"0"}]},
      {"symbol":"XUSDT","filters":[null,{"filterType":"PRICE_FILTER","tickSize":1}]},
      "text", {"status":"TRADING"}]})");
  ASSERT_TRUE(info.has_value()) << info.error().message;
  EXPECT_EQ(info->weight_per_minute, 1200);
  ASSERT_EQ(info->symbols.size(), 4u);
  EXPECT_TRUE(info->symbols[0].trading());
  EXPECT_EQ(info->symbols[0].tick_size->text(), "0.01000000");
  EXPECT_FALSE(info->symbols[1].trading()) << "isSpotTradingAllowed says nothing about a dead symbol";
  EXPECT_FALSE(info->symbols[1].tick_size.has_value());
  EXPECT_EQ(info->symbols[2].symbol, "币安人生USDT");
  EXPECT_EQ(info->symbols[2].status, "SOME_NEW_STATUS");
  EXPECT_FALSE(info->symbols[2].tick_size.has_value());
  EXPECT_EQ(info->symbols[3].status, "");
}

TEST(BinanceJsonTest, ApiErrorIsFoundOnlyWhereThereIsOne) {
  const auto error = parse_api_error(R"({"code":-1121,"msg":"Invalid symbol."})");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, -1121);
  EXPECT_EQ(error->message, "Invalid symbol.");
  EXPECT_EQ(parse_api_error(R"({"code":0,"msg":"Service unavailable"})")->code, 0);
  for (const char* none : {"", "<html>Forbidden</html>", "[]", "{}", R"({"code":"x"})"}) {
    EXPECT_FALSE(parse_api_error(none).has_value()) << none;
  }
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string without_space(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  return text;
}

// Recorded replies of the real exchange; they are reference data and not part of the project.
TEST(BinanceJsonTest, RecordedRepliesRoundTripByteForByte) {
  const std::filesystem::path shared = std::filesystem::path(MOP_SOURCE_DIR) / "../shared/fixtures";
  if (!std::filesystem::exists(shared)) GTEST_SKIP() << "no recorded replies at " << shared;
  std::size_t rows_seen = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(shared)) {
    const std::string name = entry.path().filename().string();
    if (name.find("klines_") == std::string::npos || entry.path().extension() != ".json") continue;
    const std::string text = without_space(file_text(entry.path()));
    const auto rows = parse_klines(text);
    ASSERT_TRUE(rows.has_value()) << name << ": " << rows.error().message;
    std::string again;
    for (const auto& row : *rows)
      again += (again.empty() ? "[" : ",") + row_text(row);
    EXPECT_EQ(again + "]", text) << name;
    rows_seen += rows->size();
  }
  EXPECT_GT(rows_seen, 5000u);
}

TEST(BinanceJsonTest, RecordedExchangeInfoHasTicksAndDeadSymbols) {
  const std::filesystem::path file =
      std::filesystem::path(MOP_SOURCE_DIR) /
      "../shared/fixtures/binance/rest/exchangeInfo_spot_2025-08-07_25symbols_gct.json";
  if (!std::filesystem::exists(file.parent_path()))
    GTEST_SKIP() << "no recorded replies in ../shared/fixtures";
  const auto info = parse_exchange_info(file_text(file));
  ASSERT_TRUE(info.has_value()) << info.error().message;
  EXPECT_EQ(info->weight_per_minute, 6000);
  std::size_t dead = 0, with_tick = 0;
  for (const auto& symbol : info->symbols) {
    dead += symbol.status == "BREAK" ? 1u : 0u;
    with_tick += symbol.tick_size ? 1u : 0u;
  }
  EXPECT_GT(dead, 0u);
  EXPECT_EQ(with_tick, info->symbols.size());
}

}  // namespace
}  // namespace mop::exchange
