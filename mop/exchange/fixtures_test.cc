// Recorded replies of the real exchange parse to the rows that pandas reads: tests/oracles/fixtures_pandas.py
// wrote the facts. The replies are reference data beside the project, not part of it.
#include <bit>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/sha256.h"
#include "mop/exchange/archive_csv.h"
#include "mop/exchange/binance_json.h"
#include "mop/exchange/kline_frame.h"
#include "mop/exchange/zip_entry.h"

namespace mop::exchange {
namespace {

namespace bj = boost::json;
namespace fs = std::filesystem;
using market::Candle;

static_assert(std::endian::native == std::endian::little, "the hash of doubles is of little-endian ones");

std::string file_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Rows {
  std::size_t count = 0;
  UnixMillis first = 0, last = 0;
  std::string text, doubles;  // as the script's docstring says

  void see(UnixMillis open_time) {
    if (count++ == 0) first = open_time;
    last = open_time;
  }
  void add(const Candle& c) {
    see(c.open_time);
    text += fmt::format("{}", c.open_time);
    for (const auto* d : {&c.open, &c.high, &c.low, &c.close, &c.volume}) {
      text += fmt::format(",{}", d->canonical());
      const double value = d->value();
      doubles.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    const auto optional = [](const market::Decimal& d) {
      return d.empty() ? std::string_view() : d.canonical();
    };
    text += fmt::format(",{},{},{},{},{}\n", c.close_time, optional(c.quote_volume), c.trades,
                        optional(c.taker_buy_base), optional(c.taker_buy_quote));
  }
  void add(const market::OpenCandle& c) {
    see(c.open_time());
    text += fmt::format("{},{},{}\n", c.open_time(), c.close_time(), c.last_price());
  }
};

Rows rows_of(const Result<std::vector<Candle>>& candles) {
  EXPECT_TRUE(candles.has_value()) << candles.error().message;
  Rows rows;
  for (const Candle& c : candles.value_or(std::vector<Candle>{}))
    rows.add(c);
  return rows;
}

Rows rows_of_frames(const std::string& lines) {
  Rows rows;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const auto frame = parse_stream_frame(line);
    EXPECT_TRUE(frame.has_value()) << frame.error().message;
    const auto* kline = frame ? std::get_if<KlineFrame>(&*frame) : nullptr;
    EXPECT_NE(kline, nullptr) << line;
    if (kline != nullptr) std::visit([&](const auto& candle) { rows.add(candle); }, kline->candle);
  }
  return rows;
}

Rows rows_of_exchange_info(const std::string& body) {
  const auto info = parse_exchange_info(body);
  EXPECT_TRUE(info.has_value()) << info.error().message;
  Rows rows;
  if (!info) return rows;
  rows.count = info->symbols.size();
  for (const SymbolInfo& s : info->symbols)
    rows.text += fmt::format("{},{},{}\n", s.symbol, s.status, s.tick_size ? s.tick_size->canonical() : "");
  return rows;
}

Rows parsed(std::string_view kind, const std::string& body) {
  if (kind == "klines") return rows_of(parse_klines(body));
  if (kind == "archive_csv") return rows_of(parse_archive_csv(body, market::Interval::k1h, "fixture"));
  if (kind == "exchange_info") return rows_of_exchange_info(body);
  if (kind == "closed_frames" || kind == "open_frames") return rows_of_frames(body);
  EXPECT_EQ(kind, "archive_zip");
  const auto csv = only_zip_entry(body, 1u << 20, "fixture");
  EXPECT_TRUE(csv.has_value()) << csv.error().message;
  return rows_of(parse_archive_csv(csv.value_or(""), market::Interval::k1h, "fixture"));
}

void expect_same(const bj::object& facts, const std::string& body) {
  const std::string_view kind = facts.at("kind").as_string();
  if (kind == "server_time") {
    EXPECT_EQ(parse_server_time(body).value(), facts.at("time").as_int64());
    return;
  }
  const Rows rows = parsed(kind, body);
  EXPECT_EQ(rows.count, facts.at("rows").to_number<std::size_t>());
  EXPECT_EQ(sha256_hex(rows.text), facts.at("sha256_text").as_string());
  if (kind == "exchange_info") return;
  EXPECT_EQ(rows.first, facts.at("first_open_time").as_int64());
  EXPECT_EQ(rows.last, facts.at("last_open_time").as_int64());
  if (kind == "open_frames") return;
  EXPECT_EQ(sha256_hex(rows.doubles), facts.at("sha256_doubles").as_string());
}

TEST(FixturesTest, EveryRecordedReplyParsesToTheRowsThatPandasReads) {
  const fs::path source = MOP_SOURCE_DIR, shared = source / "../shared/fixtures";
  if (!fs::exists(shared)) GTEST_SKIP() << "no recorded replies at " << shared;
  const auto facts = parse_json(file_text(source / "mop/exchange/testdata/fixtures_pandas.json"), "facts");
  ASSERT_TRUE(facts.has_value()) << facts.error().message;
  std::size_t compared = 0;
  for (const auto& [name, value] : facts->at("files").as_object()) {
    const bj::object& one = value.as_object();
    if (one.at("kind") == "not_parsed" || one.at("kind") == "elsewhere") continue;  // edges/ccxt reads these
    SCOPED_TRACE(std::string(name));
    expect_same(one, file_text(shared / std::string(name)));
    ++compared;
  }
  EXPECT_GE(compared, 35u);
}

}  // namespace
}  // namespace mop::exchange
