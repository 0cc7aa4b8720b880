#include "mop/store/candle_csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "mop/base/check.h"

namespace mop::store {
namespace {

using market::Candle;
using market::Decimal;

constexpr std::size_t kColumns = 11;
using Fields = std::array<std::string_view, kColumns>;

constexpr std::array<std::string_view, kColumns> kNames{
    "open_time", "open",           "high",           "low", "close", "volume", "close_time", "quote_volume",
    "trades",    "taker_buy_base", "taker_buy_quote"};

RowProblem problem(UnixMillis open_time, std::string rule, std::string message) {
  return {0, open_time, std::move(rule), std::move(message)};
}

std::optional<RowProblem> split(std::string_view line, Fields& fields) {
  std::size_t count = 0;
  for (std::string_view rest = line;; ++count) {
    const std::size_t comma = rest.find(',');
    if (count < kColumns) fields[count] = rest.substr(0, comma);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (++count == kColumns) return std::nullopt;
  return problem(0, "columns", fmt::format("a row must have {} columns, had {}", kColumns, count));
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

std::optional<RowProblem> read_numbers(const Fields& f, Candle& c) {
  const auto bad = [&](std::size_t i, std::string_view rule) {
    return problem(c.open_time, "number",
                   fmt::format("{} must be {}, was '{}'", kNames[i], rule, shown(f[i])));
  };
  const auto open_time = integer(f[0]);
  if (!open_time) return bad(0, "epoch milliseconds");
  c.open_time = *open_time;
  const auto close_time = integer(f[6]);
  if (!close_time) return bad(6, "epoch milliseconds");
  c.close_time = *close_time;
  const auto trades = integer(f[8]);
  if (!trades && !f[8].empty()) return bad(8, "a whole number or empty");
  c.trades = trades.value_or(-1);
  const std::array<std::pair<std::size_t, Decimal*>, 8> decimals{{{1, &c.open},
                                                                  {2, &c.high},
                                                                  {3, &c.low},
                                                                  {4, &c.close},
                                                                  {5, &c.volume},
                                                                  {7, &c.quote_volume},
                                                                  {9, &c.taker_buy_base},
                                                                  {10, &c.taker_buy_quote}}};
  for (const auto& [i, target] : decimals) {
    auto value = Decimal::parse(f[i]);
    if (!value || (i <= 5 && value->empty())) return bad(i, "a plain decimal number");
    *target = *value;
  }
  return std::nullopt;
}

// Everything one row must obey by itself. The authority: the fast path below accepts a subset of this.
std::optional<RowProblem> read_row(std::string_view line, market::Interval interval, Candle& c) {
  Fields fields;
  if (auto bad = split(line, fields)) return bad;
  if (auto bad = read_numbers(fields, c)) return bad;
  const DurationMillis length = market::length_of(interval);
  if (c.open_time % length != 0) {
    return problem(c.open_time, "grid",
                   fmt::format("open time must be a multiple of {}, was {} ({})", market::to_string(interval),
                               c.open_time, format_utc(c.open_time)));
  }
  if (c.close_time != c.open_time + length - 1) {
    return problem(c.open_time, "grid",
                   fmt::format("close time must be {}, was {}", c.open_time + length - 1, c.close_time));
  }
  if (const auto valid = market::validate(c, interval); !valid) {
    return problem(c.open_time, "ohlc", valid.error().message);
  }
  return std::nullopt;
}

std::optional<RowProblem> check_order(UnixMillis previous, UnixMillis open_time) {
  if (open_time > previous) return std::nullopt;
  if (open_time == previous) {
    return problem(open_time, "duplicate", fmt::format("candle of {} appears twice", format_utc(open_time)));
  }
  return problem(open_time, "order",
                 fmt::format("rows must ascend by open time, {} comes after {}", format_utc(open_time),
                             format_utc(previous)));
}

// --- fast path: plain rows to doubles without copies; says no whenever it is not sure ---

struct NumericRow {
  UnixMillis open_time;
  std::array<double, 5> ohlcv;
  double taker_buy;  // NaN where not stated
};

struct Cursor {
  const char* at;
  const char* end;
  bool take(char c) { return at != end && *at++ == c; }
};

bool take_integer(Cursor& cursor, std::int64_t& value) {
  const auto [end, error] = std::from_chars(cursor.at, cursor.end, value);
  if (error != std::errc{} || *cursor.at == '-') return false;
  cursor.at = end;
  return true;
}

// Digits with at most one point between them. Up to 2^53 over 10^22 the quotient of two exact doubles is the
// nearest double (Clinger 1990), so it equals what from_chars gives.
bool take_decimal(Cursor& cursor, double& value) {
  static constexpr std::array<double, 23> kPowers{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char* const begin = cursor.at;
  const char* point = nullptr;
  std::uint64_t digits = 0;
  const char* p = begin;
  for (; p != cursor.end; ++p) {
    const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit < 10) {
      digits = digits * 10 + digit;
    } else if (*p == '.' && point == nullptr && p != begin) {
      point = p;
    } else {
      break;
    }
  }
  const auto length = static_cast<std::size_t>(p - begin);
  if (length == 0 || length > 19) return false;  // 19 characters cannot overflow 64 bits
  const auto decimals = point == nullptr ? std::size_t{0} : static_cast<std::size_t>(p - point - 1);
  if (digits > (std::uint64_t{1} << 53)) return false;
  value = static_cast<double>(digits) / kPowers[decimals];
  cursor.at = p;
  return true;
}

bool take_optional_decimal(Cursor& cursor, double& value) {
  value = std::numeric_limits<double>::quiet_NaN();
  if (cursor.at == cursor.end || *cursor.at == ',') return true;
  return take_decimal(cursor, value);
}

bool read_fast(std::string_view line, DurationMillis length, NumericRow& row) {
  Cursor c{line.data(), line.data() + line.size()};
  if (c.at == c.end || !take_integer(c, row.open_time)) return false;
  for (double& number : row.ohlcv) {
    if (!c.take(',') || !take_decimal(c, number)) return false;
  }
  std::int64_t close_time = 0, trades = 0;
  double ignored = 0.0;
  if (!c.take(',') || c.at == c.end || !take_integer(c, close_time)) return false;
  if (!c.take(',') || !take_optional_decimal(c, ignored) || !c.take(',')) return false;
  if (c.at != c.end && *c.at != ',' && !take_integer(c, trades)) return false;
  if (!c.take(',') || !take_optional_decimal(c, row.taker_buy)) return false;
  if (!c.take(',') || !take_optional_decimal(c, ignored)) return false;
  const auto& [open, high, low, close, volume] = row.ohlcv;
  return c.at == c.end && row.open_time % length == 0 && close_time == row.open_time + length - 1 &&
         low > 0.0 && std::min(open, close) >= low && std::max(open, close) <= high;
}

// --- lines ---

std::string_view complete_part(std::string_view bytes) {
  return bytes.substr(0, bytes.size() - torn_bytes(bytes));
}

std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

std::optional<RowProblem> take_header(std::string_view& rest) {
  const std::string_view header = rest.empty() ? std::string_view() : next_line(rest);
  if (header == kCandleHeader) return std::nullopt;
  RowProblem bad = problem(0, "header",
                           fmt::format("header must be '{}', was '{}'; bring other layouts in with "
                                       "`mop import --from FILE`",
                                       kCandleHeader, shown(header)));
  bad.line = 1;
  return bad;
}

tl::unexpected<Error> corrupt(std::string_view what, std::size_t line, const RowProblem& bad) {
  return fail(ErrorCode::kCorrupt,
              fmt::format("{} line {}: {}{}", what, line, bad.message,
                          bad.rule == "header" ? "" : "; `mop verify --repair` drops such rows"));
}

void append_number(std::string& out, std::int64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

}  // namespace

std::string shown(std::string_view text) {
  std::string result(text.substr(0, 80));
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return result;
}

void append_row(std::string& out, const Candle& c) {
  append_number(out, c.open_time);
  for (const Decimal* d : {&c.open, &c.high, &c.low, &c.close, &c.volume}) {
    out += ',';
    out += d->text();
  }
  out += ',';
  append_number(out, c.close_time);
  out += ',';
  out += c.quote_volume.text();
  out += ',';
  if (c.trades >= 0) append_number(out, c.trades);
  for (const Decimal* d : {&c.taker_buy_base, &c.taker_buy_quote}) {
    out += ',';
    out += d->text();
  }
  out += '\n';
}

std::size_t torn_bytes(std::string_view bytes) {
  const std::size_t last_end = bytes.rfind('\n');
  return last_end == std::string_view::npos ? bytes.size() : bytes.size() - last_end - 1;
}

Result<market::CandleSeries> parse_series(std::string_view bytes, std::string_view symbol,
                                          market::Interval interval, std::string_view what) {
  std::string_view rest = complete_part(bytes);
  if (const auto bad = take_header(rest)) return corrupt(what, 1, *bad);
  market::CandleSeries series;
  series.symbol = symbol;
  series.interval = interval;
  series.reserve(rest.size() / 64);  // a row is rarely shorter
  const DurationMillis length = market::length_of(interval);
  UnixMillis previous = -1;
  NumericRow row{};
  bool states_taker = false;
  for (std::size_t line_number = 2; !rest.empty(); ++line_number) {
    const std::string_view line = next_line(rest);
    if (!read_fast(line, length, row)) {
      Candle candle;
      if (const auto bad = read_row(line, interval, candle)) return corrupt(what, line_number, *bad);
      row = {candle.open_time,
             {candle.open.value(), candle.high.value(), candle.low.value(), candle.close.value(),
              candle.volume.value()},
             candle.taker_buy_base.value()};
    }
    if (const auto bad = check_order(previous, row.open_time)) return corrupt(what, line_number, *bad);
    previous = row.open_time;
    series.open_time.push_back(row.open_time);
    series.open.push_back(row.ohlcv[0]);
    series.high.push_back(row.ohlcv[1]);
    series.low.push_back(row.ohlcv[2]);
    series.close.push_back(row.ohlcv[3]);
    series.volume.push_back(row.ohlcv[4]);
    series.taker_buy_base.push_back(row.taker_buy);
    states_taker |= !std::isnan(row.taker_buy);
  }
  if (!states_taker) series.taker_buy_base.clear();
  return series;
}

Result<std::vector<Candle>> parse_rows(std::string_view bytes, std::size_t begin, std::size_t end,
                                       market::Interval interval, std::string_view what) {
  MOP_CHECK(begin <= end && end <= bytes.size()) << begin << ".." << end << " of " << bytes.size();
  std::string_view rest = bytes.substr(begin, end - begin);
  std::vector<Candle> candles;
  candles.reserve(static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '\n')));
  UnixMillis previous = -1;
  while (!rest.empty()) {
    const std::size_t at = end - rest.size();
    Candle candle;
    auto bad = read_row(next_line(rest), interval, candle);
    if (!bad) bad = check_order(previous, candle.open_time);
    if (bad) {
      const auto lines_before =
          std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at), '\n');
      return corrupt(what, static_cast<std::size_t>(lines_before) + 1, *bad);
    }
    previous = candle.open_time;
    candles.push_back(candle);
  }
  return candles;
}

Result<std::vector<Candle>> parse_candles(std::string_view bytes, market::Interval interval,
                                          std::string_view what) {
  std::string_view rest = complete_part(bytes);
  const std::size_t end = rest.size();
  if (const auto bad = take_header(rest)) return corrupt(what, 1, *bad);
  return parse_rows(bytes, end - rest.size(), end, interval, what);
}

FileScan scan(std::string_view bytes, market::Interval interval) {
  FileScan found;
  std::string_view rest = complete_part(bytes);
  if (const auto bad = take_header(rest)) {
    found.problems.push_back(*bad);
    return found;
  }
  UnixMillis previous = -1;
  std::size_t line_number = 2;
  for (; !rest.empty(); ++line_number) {
    Candle candle;
    auto bad = read_row(next_line(rest), interval, candle);
    ++found.lines;
    if (!bad) {
      found.rows.push_back(candle);
      bad = check_order(previous, candle.open_time);
      previous = std::max(previous, candle.open_time);
    }
    if (!bad) continue;
    bad->line = line_number;
    found.problems.push_back(std::move(*bad));
  }
  if (const std::size_t torn = torn_bytes(bytes); torn > 0) {
    RowProblem bad =
        problem(0, "torn_tail",
                fmt::format("the last row was cut short after {} bytes; the next merge cuts it off", torn));
    bad.line = line_number;
    found.problems.push_back(std::move(bad));
  }
  return found;
}

std::size_t offset_of(std::string_view bytes, UnixMillis t) {
  const std::string_view text = complete_part(bytes);
  std::size_t low = 0, high = text.size();  // `low` and `high` are always at the start of a line
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const std::size_t end_before = middle == low ? std::string_view::npos : text.rfind('\n', middle - 1);
    const std::size_t begin = end_before == std::string_view::npos || end_before < low ? low : end_before + 1;
    const std::size_t end = text.find('\n', begin);
    const auto open_time = integer(text.substr(begin, text.find(',', begin) - begin));
    if (!open_time || *open_time < t) {
      low = end + 1;
    } else {
      high = begin;
    }
  }
  return low;
}

}  // namespace mop::store
