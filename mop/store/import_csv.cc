#include "mop/store/import_csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/market/symbol.h"
#include "mop/store/candle_csv.h"
#include "mop/store/import_header.h"

namespace mop::store {
namespace {

using market::Candle;
using market::Decimal;

tl::unexpected<Error> bad(std::string message) {
  return fail(ErrorCode::kCorrupt, std::move(message));
}

std::string_view trimmed(std::string_view field) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!field.empty() && blank(field.front()))
    field.remove_prefix(1);
  while (!field.empty() && blank(field.back()))
    field.remove_suffix(1);
  if (field.size() >= 2 && field.front() == '"' && field.back() == '"')
    return field.substr(1, field.size() - 2);
  return field;
}

void split(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  for (;;) {
    const std::size_t comma = line.find(',');
    fields.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    line.remove_prefix(comma + 1);
  }
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "1672531200000.0" and "149854.0", as tools write whole numbers from columns of floats.
std::string_view without_zero_fraction(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos || point + 1 == text.size()) return text;
  return text.find_first_not_of('0', point + 1) == std::string_view::npos ? text.substr(0, point) : text;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  text = without_zero_fraction(text);
  std::int64_t value = 0;
  if (!is_digits(text)) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

// Epoch seconds, milli-, micro- or nanoseconds, told apart by size: 1e11 s is the year 5138 and 1e11 ms 1973.
Result<UnixMillis> instant(std::string_view text, std::string_view column) {
  if (const auto epoch = whole_number(text)) {
    if (*epoch < 100'000'000'000) return *epoch * kSecond;
    if (*epoch < 100'000'000'000'000) return *epoch;
    if (*epoch < 100'000'000'000'000'000) return *epoch / 1000;
    return *epoch / 1'000'000;
  }
  if (auto parsed = parse_utc(text)) return *parsed;
  return bad(fmt::format("{} must be an epoch time or a UTC date like 2025-07-01 13:45:00, was '{}'", column,
                         shown(text)));
}

// "1.174e-05" is moved to "0.00001174": the same digits, so nothing is rounded.
std::optional<std::string> without_exponent(std::string_view text) {
  const std::size_t e = text.find_first_of("eE");
  if (e == std::string_view::npos) return std::nullopt;
  std::string_view power_text = text.substr(e + 1);
  if (power_text.starts_with('+')) power_text.remove_prefix(1);
  int power = 0;
  const auto [end, error] = std::from_chars(power_text.data(), power_text.data() + power_text.size(), power);
  if (error != std::errc{} || end != power_text.data() + power_text.size() || power < -40 || power > 40) {
    return std::nullopt;
  }
  const std::string_view number = text.substr(0, e);
  const std::size_t point = std::min(number.find('.'), number.size());
  std::string digits(number.substr(0, point));
  if (point < number.size()) digits += number.substr(point + 1);
  int whole = static_cast<int>(point) + power;  // digits before the point
  if (whole <= 0) {
    digits.insert(0, static_cast<std::size_t>(1 - whole), '0');
    whole = 1;
  }
  const auto before = static_cast<std::size_t>(whole);
  if (digits.size() < before) digits.append(before - digits.size(), '0');
  if (before < digits.size()) digits.insert(before, 1, '.');
  return digits;
}

Result<Decimal> number(std::string_view text, std::string_view column) {
  const auto moved = without_exponent(text);
  auto value = Decimal::parse(moved ? std::string_view(*moved) : text);
  if (!value || value->empty()) {
    return bad(fmt::format("{} must be a plain number of at most {} characters and not negative, was '{}'",
                           column, Decimal::kMaxChars, shown(text)));
  }
  return *value;
}

class RowReader {
 public:
  RowReader(const Layout& layout, market::Interval interval) : layout_(layout), interval_(interval) {}

  Result<Candle> read(std::string_view line) {
    split(line, fields_);
    if (fields_.size() != layout_.columns) {
      return bad(fmt::format("a row must have {} columns like the first line, had {}", layout_.columns,
                             fields_.size()));
    }
    Candle c;
    MOP_TRY_ASSIGN(c.open_time, instant(field(Column::kOpenTime), "open time"));
    MOP_TRY_ASSIGN(c.open, number(field(Column::kOpen), "open"));
    MOP_TRY_ASSIGN(c.high, number(field(Column::kHigh), "high"));
    MOP_TRY_ASSIGN(c.low, number(field(Column::kLow), "low"));
    MOP_TRY_ASSIGN(c.close, number(field(Column::kClose), "close"));
    MOP_TRY_ASSIGN(c.volume, number(field(Column::kVolume), "volume"));
    MOP_TRY(read_close_time(c));
    MOP_TRY(read_optional(c));
    MOP_TRY(market::validate(c, interval_));
    return c;
  }

 private:
  std::string_view field(Column column) const {
    const auto at = layout_[column];
    return at ? fields_[*at] : std::string_view();
  }

  // The end of a candle follows from its start. What the file states may fall short of it (Binance closed a
  // candle early when it went down) but not lie elsewhere: that would be another timeframe.
  Result<void> read_close_time(Candle& c) const {
    c.close_time = c.open_time + market::length_of(interval_) - 1;
    const std::string_view text = field(Column::kCloseTime);
    if (text.empty() || c.open_time % market::length_of(interval_) != 0) return {};
    MOP_TRY_ASSIGN(const UnixMillis stated, instant(text, "close time"));
    if (stated > c.open_time && stated <= c.close_time + 1) return {};
    return bad(fmt::format("close time must lie within {} of the open time {}, was {} ({})",
                           market::to_string(interval_), format_utc(c.open_time), shown(text),
                           format_utc(stated)));
  }

  Result<void> read_optional(Candle& c) const {
    const std::string_view trades = field(Column::kTrades);
    if (!trades.empty()) {
      const auto count = whole_number(trades);
      if (!count) return bad(fmt::format("trades must be a whole number, was '{}'", shown(trades)));
      c.trades = *count;
    }
    MOP_TRY(optional_number(Column::kQuoteVolume, "quote volume", c.quote_volume));
    MOP_TRY(optional_number(Column::kTakerBuyBase, "taker buy base volume", c.taker_buy_base));
    return optional_number(Column::kTakerBuyQuote, "taker buy quote volume", c.taker_buy_quote);
  }

  Result<void> optional_number(Column column, std::string_view name, Decimal& out) const {
    if (field(column).empty()) return {};
    MOP_TRY_ASSIGN(out, number(field(column), name));
    return {};
  }

  const Layout& layout_;
  market::Interval interval_;
  std::vector<std::string_view> fields_;
};

// Adds rows that come in order; knows what may not follow what.
class Collector {
 public:
  Collector(ImportedFile& file, UnixMillis now) : file_(file), now_(now) {}

  Result<void> add(const Candle& c) {
    if (file_.open_candle_left_out || c.open_time > now_) {
      return bad(fmt::format("candle of {} lies in the future, it is {} now", format_utc(c.open_time),
                             format_utc(now_)));
    }
    if (!file_.candles.empty()) {
      const Candle& last = file_.candles.back();
      if (c == last) {
        ++file_.duplicates;
        return {};
      }
      if (c.open_time == last.open_time) {
        return bad(fmt::format("candle of {} appears twice with different values", format_utc(c.open_time)));
      }
      if (c.open_time < last.open_time) {
        return bad(fmt::format("rows must ascend by open time, {} comes after {}; sort the file",
                               format_utc(c.open_time), format_utc(last.open_time)));
      }
    }
    if (c.close_time >= now_) {
      file_.open_candle_left_out = true;
    } else {
      file_.candles.push_back(c);
    }
    return {};
  }

 private:
  ImportedFile& file_;
  UnixMillis now_;
};

std::string_view without_byte_order_mark(std::string_view bytes) {
  return bytes.starts_with("\xef\xbb\xbf") ? bytes.substr(3) : bytes;
}

}  // namespace

Result<SeriesKey> series_of_file_name(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto rule_broken = [&] {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot tell symbol and timeframe from the file name '{}'; name it like BTCUSDT_1h.csv "
                    "or BTCUSDT-1h-2024-12.csv",
                    shown(name)));
  };
  if (!name.ends_with(".csv")) return rule_broken();
  const std::string_view stem = name.substr(0, name.size() - 4);
  const std::size_t bar = stem.find_first_of("_-");
  if (bar == std::string_view::npos || bar == 0) return rule_broken();
  const std::string_view frame = stem.substr(bar + 1, stem.find('-', bar + 1) - bar - 1);
  const std::string_view month = stem.substr(bar + 1 + frame.size());  // "", "-2024-12" or "-2024-12-31"
  const bool dated = month.size() == 8 || month.size() == 11;
  if (!month.empty() && (!dated || !parse_utc(fmt::format("{}-01", month.substr(1, 7)))))
    return rule_broken();
  MOP_TRY_ASSIGN(const market::Symbol symbol, market::find_symbol(stem.substr(0, bar)));
  MOP_TRY_ASSIGN(const market::Interval interval, market::parse_interval(frame));
  return SeriesKey{std::string(symbol.name), interval};
}

Result<ImportedFile> parse_foreign(std::string_view bytes, market::Interval interval, UnixMillis now,
                                   std::string_view what) {
  const auto at_line = [&](std::size_t line, std::string_view message) {
    return bad(fmt::format("{} line {}: {}; nothing of this file was stored", what, line, message));
  };
  std::string_view rest = without_byte_order_mark(bytes);
  if (rest.empty()) return bad(fmt::format("{} is empty; nothing of this file was stored", what));
  ImportedFile file;
  file.candles.reserve(rest.size() / 64);
  Collector collector(file, now);
  std::optional<Layout> layout;
  std::optional<RowReader> reader;
  for (std::size_t line_number = 1; !rest.empty(); ++line_number) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty()) continue;
    if (end == std::string_view::npos) {
      return at_line(line_number,
                     "the last line has no line end, so it may be cut short; complete it or end it");
    }
    if (!layout) {
      std::vector<std::string_view> names;
      split(line, names);
      auto found = layout_of(names);
      if (!found) return at_line(line_number, found.error().message);
      layout = *found;
      reader.emplace(*layout, interval);
      if (layout->has_header) continue;
    }
    const auto candle = reader->read(line);
    if (!candle) return at_line(line_number, candle.error().message);
    if (const auto added = collector.add(*candle); !added) return at_line(line_number, added.error().message);
  }
  if (file.candles.empty()) {
    return bad(fmt::format("{} has {} but no finished candle; nothing of this file was stored", what,
                           layout ? "a header" : "lines"));
  }
  return file;
}

}  // namespace mop::store
