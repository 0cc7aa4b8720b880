#include "mop/exchange/binance_json.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"

namespace mop::exchange {
namespace {

namespace bj = boost::json;
using market::Candle;
using market::Decimal;

constexpr std::size_t kColumns = 12;
constexpr std::int64_t kEndOfMillis = 100'000'000'000'000;  // 1e14: a larger time is in microseconds

std::string shown(const bj::value& v) {
  std::string text = bj::serialize(v);
  if (text.size() > 60) text = text.substr(0, 60) + "...";
  return text;
}

// One row of the klines reply, read column by column; the first fault is kept.
class RowReader {
 public:
  RowReader(const bj::array& row, std::size_t index) : row_(row), index_(index) {}

  Decimal decimal(std::size_t column, std::string_view name) {
    const bj::value& v = row_[column];
    if (!v.is_string() || v.get_string().empty()) {
      reject(name, "must be a decimal number as text", v);
      return {};
    }
    const auto parsed = Decimal::parse({v.get_string().data(), v.get_string().size()});
    if (!parsed) reject(name, "must be a plain decimal number of at most 31 characters", v);
    return parsed.value_or(Decimal());
  }
  std::int64_t integer(std::size_t column, std::string_view name, std::int64_t end) {
    const bj::value& v = row_[column];
    if (!v.is_int64() || v.get_int64() < 0 || v.get_int64() >= end) {
      reject(name, fmt::format("must be a whole number of 0..{}", end - 1), v);
      return 0;
    }
    return v.get_int64();
  }
  std::string take_fault() { return std::move(fault_); }

 private:
  void reject(std::string_view name, std::string_view rule, const bj::value& v) {
    if (fault_.empty()) fault_ = fmt::format("klines row {}: {} {}, was {}", index_, name, rule, shown(v));
  }

  const bj::array& row_;
  std::size_t index_;
  std::string fault_;
};

Result<Candle> read_row(const bj::value& value, std::size_t index) {
  if (!value.is_array() || value.get_array().size() != kColumns) {
    return fail(ErrorCode::kCorrupt, fmt::format("klines row {}: must be a list of {} columns, was {}", index,
                                                 kColumns, shown(value)));
  }
  RowReader row(value.get_array(), index);
  Candle c;
  c.open_time = row.integer(0, "open time", kEndOfMillis);
  c.open = row.decimal(1, "open");
  c.high = row.decimal(2, "high");
  c.low = row.decimal(3, "low");
  c.close = row.decimal(4, "close");
  c.volume = row.decimal(5, "volume");
  c.close_time = row.integer(6, "close time", kEndOfMillis);
  c.quote_volume = row.decimal(7, "quote volume");
  c.trades = row.integer(8, "trades", INT64_MAX);
  c.taker_buy_base = row.decimal(9, "taker buy base volume");
  c.taker_buy_quote = row.decimal(10, "taker buy quote volume");
  std::string fault = row.take_fault();
  if (!fault.empty()) return fail(ErrorCode::kCorrupt, std::move(fault));
  return c;
}

std::string text_member(const bj::object& object, std::string_view key) {
  const bj::value* v = object.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
}

std::optional<std::int64_t> integer_member(const bj::object& object, std::string_view key) {
  const bj::value* v = object.if_contains(key);
  return v != nullptr && v->is_int64() ? std::optional(v->get_int64()) : std::nullopt;
}

// The objects of a list member; empty when it is missing or something else.
std::vector<const bj::object*> objects_of(const bj::object& parent, std::string_view key) {
  std::vector<const bj::object*> found;
  const bj::value* list = parent.if_contains(key);
  if (list == nullptr || !list->is_array()) return found;
  for (const bj::value& item : list->get_array()) {
    if (item.is_object()) found.push_back(&item.get_object());
  }
  return found;
}

std::optional<Decimal> tick_size_of(const bj::object& symbol) {
  for (const bj::object* filter : objects_of(symbol, "filters")) {
    if (text_member(*filter, "filterType") != "PRICE_FILTER") continue;
    const auto tick = Decimal::parse(text_member(*filter, "tickSize"));
    if (tick && !tick->empty() && tick->value() > 0.0) return *tick;  // "0" switches the rule off
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<Candle>> parse_klines(std::string_view body) {
  MOP_TRY_ASSIGN(const bj::value document, parse_json(body, "klines reply"));
  if (!document.is_array()) {
    return fail(ErrorCode::kCorrupt, fmt::format("klines reply must be a list, was {}", shown(document)));
  }
  std::vector<Candle> candles;
  candles.reserve(document.get_array().size());
  for (const bj::value& row : document.get_array()) {
    MOP_TRY_ASSIGN(Candle candle, read_row(row, candles.size()));
    candles.push_back(candle);
  }
  return candles;
}

Result<UnixMillis> parse_server_time(std::string_view body) {
  MOP_TRY_ASSIGN(const bj::value document, parse_json(body, "server time reply"));
  const auto time = document.is_object() ? integer_member(document.get_object(), "serverTime") : std::nullopt;
  if (!time || *time < 0 || *time >= kEndOfMillis) {
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("server time reply must hold serverTime in milliseconds, was {}", shown(document)));
  }
  return *time;
}

Result<ExchangeInfo> parse_exchange_info(std::string_view body) {
  MOP_TRY_ASSIGN(const bj::value document, parse_json(body, "exchangeInfo reply"));
  if (!document.is_object() || document.get_object().if_contains("symbols") == nullptr) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("exchangeInfo reply must be an object with symbols, was {}", shown(document)));
  }
  const bj::object& top = document.get_object();
  ExchangeInfo info;
  info.server_time = integer_member(top, "serverTime").value_or(0);
  for (const bj::object* limit : objects_of(top, "rateLimits")) {
    if (text_member(*limit, "rateLimitType") == "REQUEST_WEIGHT" &&
        text_member(*limit, "interval") == "MINUTE" && integer_member(*limit, "intervalNum") == 1) {
      info.weight_per_minute = integer_member(*limit, "limit");
    }
  }
  for (const bj::object* symbol : objects_of(top, "symbols")) {
    SymbolInfo s{text_member(*symbol, "symbol"), text_member(*symbol, "status"), tick_size_of(*symbol)};
    if (!s.symbol.empty()) info.symbols.push_back(std::move(s));
  }
  return info;
}

std::optional<ApiError> parse_api_error(std::string_view body) {
  const auto document = parse_json(body, "error reply");
  if (!document || !document->is_object()) return std::nullopt;
  const auto code = integer_member(document->get_object(), "code");
  if (!code) return std::nullopt;
  return ApiError{*code, text_member(document->get_object(), "msg")};
}

}  // namespace mop::exchange
