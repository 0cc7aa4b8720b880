#include "mop/exchange/archive_csv.h"

#include <array>
#include <charconv>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace mop::exchange {
namespace {

using market::Candle;
using market::Decimal;

constexpr std::size_t kColumns = 12;
constexpr std::size_t kDecimals = 8;                        // of every number the REST API states
constexpr std::int64_t kEndOfMillis = 100'000'000'000'000;  // 1e14: a larger time is in microseconds

using Fields = std::array<std::string_view, kColumns>;

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 60))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out;
}

tl::unexpected<Error> bad(std::string_view column, std::string_view rule, std::string_view was) {
  return fail(ErrorCode::kCorrupt, fmt::format("{} must be {}, was '{}'", column, rule, shown(was)));
}

std::optional<Fields> split(std::string_view line) {
  Fields fields;
  for (std::size_t i = 0; i < kColumns; ++i) {
    const std::size_t comma = line.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == kColumns)) return std::nullopt;
    fields[i] = line.substr(0, comma);
    line.remove_prefix(i + 1 == kColumns ? line.size() : comma + 1);
  }
  return fields;
}

Result<std::int64_t> whole(std::string_view text, std::string_view column) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0) {
    return bad(column, "a whole number", text);
  }
  return value;
}

Result<UnixMillis> instant(std::string_view text, std::string_view column) {
  MOP_TRY_ASSIGN(const std::int64_t value, whole(text, column));
  return value >= kEndOfMillis ? value / 1000 : value;
}

Result<Decimal> decimal(std::string_view text, std::string_view column) {
  const std::size_t point = text.find('.');
  const std::size_t places = point == std::string_view::npos ? 0 : text.size() - point - 1;
  std::string padded;
  if (places < kDecimals && !text.empty() && text.size() < Decimal::kMaxChars) {
    padded = text;
    if (point == std::string_view::npos) padded += '.';
    padded.append(kDecimals - places, '0');
    text = padded;
  }
  const auto parsed = Decimal::parse(text);
  if (!parsed || parsed->empty()) return bad(column, "a plain decimal number", text);
  return *parsed;
}

Result<Candle> read_row(const Fields& f, market::Interval interval) {
  Candle c;
  MOP_TRY_ASSIGN(c.open_time, instant(f[0], "open time"));
  MOP_TRY_ASSIGN(c.open, decimal(f[1], "open"));
  MOP_TRY_ASSIGN(c.high, decimal(f[2], "high"));
  MOP_TRY_ASSIGN(c.low, decimal(f[3], "low"));
  MOP_TRY_ASSIGN(c.close, decimal(f[4], "close"));
  MOP_TRY_ASSIGN(c.volume, decimal(f[5], "volume"));
  MOP_TRY_ASSIGN(c.close_time, instant(f[6], "close time"));
  MOP_TRY_ASSIGN(c.quote_volume, decimal(f[7], "quote volume"));
  MOP_TRY_ASSIGN(c.trades, whole(f[8], "trades"));
  MOP_TRY_ASSIGN(c.taker_buy_base, decimal(f[9], "taker buy base volume"));
  MOP_TRY_ASSIGN(c.taker_buy_quote, decimal(f[10], "taker buy quote volume"));
  // A candle that an outage cut short may state its early end; REST states the grid's.
  const UnixMillis end = c.open_time + market::length_of(interval) - 1;
  if (c.close_time > c.open_time && c.close_time < end) c.close_time = end;
  return c;
}

bool is_header(std::string_view line) {
  return !line.empty() && ((line[0] >= 'a' && line[0] <= 'z') || (line[0] >= 'A' && line[0] <= 'Z'));
}

}  // namespace

Result<std::vector<Candle>> parse_archive_csv(std::string_view text, market::Interval interval,
                                              std::string_view what) {
  std::vector<Candle> candles;
  candles.reserve(text.size() / 100);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (number == 1 && is_header(line))) continue;
    const auto fields = split(line);
    if (!fields) {
      return fail(ErrorCode::kCorrupt, fmt::format("{} line {}: a row must have {} columns, was '{}'", what,
                                                   number, kColumns, shown(line)));
    }
    auto candle = read_row(*fields, interval);
    if (!candle) {
      return fail(ErrorCode::kCorrupt, fmt::format("{} line {}: {}", what, number, candle.error().message));
    }
    if (candle->open_time % market::length_of(interval) == 0) candles.push_back(*candle);
  }
  return candles;
}

}  // namespace mop::exchange
