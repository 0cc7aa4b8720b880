#include "mop/sim/binance_api.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>
#include <tl/expected.hpp>

#include "mop/base/json.h"
#include "mop/sim/candle_text.h"
#include "mop/sim/units.h"

namespace mop::sim {
namespace {

namespace bj = boost::json;

constexpr std::int64_t kDefaultLimit = 500, kMaxLimit = 1000;
constexpr const char* kSymbolRange = "^[A-Z0-9-_.]{1,20}$";
constexpr const char* kNumberRange = "^[0-9]{1,20}$";

ApiReply error_reply(int code, const std::string& message, int status = 400) {
  return {status, {}, to_json_text(bj::object{{"code", code}, {"msg", message}})};
}

template <typename T>
using Read = tl::expected<T, ApiReply>;  // a value, or the reply that refuses it

tl::unexpected<ApiReply> refuse(int code, const std::string& message) {
  return tl::unexpected<ApiReply>(error_reply(code, message));
}
tl::unexpected<ApiReply> illegal(std::string_view name, std::string_view range) {
  return refuse(-1100,
                fmt::format("Illegal characters found in parameter '{}'; legal range is '{}'.", name, range));
}

// The rules every endpoint has: no unknown, no repeated, no empty parameter.
std::optional<ApiReply> check_names(const Target& target, const std::set<std::string_view>& known) {
  std::set<std::string_view> seen;
  std::size_t read = 0;
  for (const auto& [name, value] : target.parameters) {
    if (!seen.insert(name).second) {
      return error_reply(-1101,
                         fmt::format("Duplicate values for parameter '{}' detected.", name.substr(0, 40)));
    }
    read += known.count(name);
  }
  if (read < target.parameters.size()) {
    return error_reply(
        -1104, fmt::format("Not all sent parameters were read; read '{}' parameter(s) but was sent '{}'.",
                           read, target.parameters.size()));
  }
  for (const auto& [name, value] : target.parameters) {
    if (value.empty()) return error_reply(-1105, fmt::format("Parameter '{}' was empty.", name));
  }
  return std::nullopt;
}

bool is_symbol_text(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  return !text.empty() && text.size() <= 20 && std::all_of(text.begin(), text.end(), fits);
}

Read<std::string> mandatory(const Target& target, const std::string& name) {
  const auto value = target.find(name);
  if (!value) {
    return refuse(-1102,
                  fmt::format("Mandatory parameter '{}' was not sent, was empty/null, or malformed.", name));
  }
  return *value;
}

Read<std::optional<std::int64_t>> number(const Target& target, std::string_view name) {
  const auto text = target.find(name);
  if (!text) return std::optional<std::int64_t>();
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, value);
  if (text->size() > 20 || text->front() == '-' || read.ptr != end) return illegal(name, kNumberRange);
  if (read.ec != std::errc{}) value = INT64_MAX;  // twenty digits are legal and beyond every candle
  return std::optional(value);
}

std::int64_t in_milliseconds(std::int64_t time) {  // microseconds are accepted too
  constexpr std::int64_t kFirstMicros = 100'000'000'000'000;
  return time >= kFirstMicros ? time / 1000 : time;
}

// "0", "-1:00", "05:45", "8": buckets of 15m and 1h move only with parts of an hour.
bool is_whole_hour_zone(std::string_view zone) {
  const bool negative = zone.starts_with('-');
  const std::string_view digits = zone.substr(zone.starts_with('-') || zone.starts_with('+') ? 1 : 0);
  const std::string_view minutes =
      digits.find(':') == std::string_view::npos ? "00" : digits.substr(digits.find(':') + 1);
  const std::string_view hours = digits.substr(0, digits.find(':'));
  int h = 0;
  const bool number = !hours.empty() && std::from_chars(hours.data(), hours.data() + hours.size(), h).ptr ==
                                            hours.data() + hours.size();
  return number && minutes == "00" && h >= 0 && h <= (negative ? 12 : 14);
}

struct KlinesRequest {
  std::string symbol;
  market::Interval interval;
  CandleWindow window;
};

Read<KlinesRequest> read_klines(const Target& target) {
  if (auto wrong = check_names(target, {"symbol", "interval", "startTime", "endTime", "timeZone", "limit"})) {
    return tl::unexpected<ApiReply>(std::move(*wrong));
  }
  const auto symbol = mandatory(target, "symbol");
  if (!symbol) return tl::unexpected<ApiReply>(symbol.error());
  if (!is_symbol_text(*symbol)) return illegal("symbol", kSymbolRange);
  const auto interval_text = mandatory(target, "interval");
  if (!interval_text) return tl::unexpected<ApiReply>(interval_text.error());
  const auto interval = market::parse_interval(*interval_text);
  if (!interval) return refuse(-1120, "Invalid interval.");
  const auto start = number(target, "startTime"), end = number(target, "endTime"),
             limit = number(target, "limit");
  for (const auto* value : {&start, &end, &limit}) {
    if (!*value) return tl::unexpected<ApiReply>(value->error());
  }
  const std::int64_t rows = (*limit).value_or(kDefaultLimit);
  if (rows < 1 || rows > kMaxLimit) return refuse(-1130, "Data sent for parameter 'limit' is not valid.");
  if (!is_whole_hour_zone(target.find("timeZone").value_or("0"))) {
    return refuse(-1130, "Data sent for parameter 'timeZone' is not valid.");
  }
  CandleWindow window;
  window.first = in_milliseconds((*start).value_or(0));
  if (*end) window.last = in_milliseconds(**end);
  window.limit = static_cast<std::size_t>(rows);
  window.newest = !start->has_value();
  return KlinesRequest{*symbol, *interval, window};
}

std::string fixed(double value) {
  return fmt::format("{:.8f}", value);
}

bj::array filters_of(const Listing& listing) {
  const std::string tick = fixed(listing.tick_size), step = fixed(listing.step_size);
  const bj::string most = "9000000.00000000";
  return {bj::object{{"filterType", "PRICE_FILTER"},
                     {"minPrice", tick},
                     {"maxPrice", "1000000.00000000"},
                     {"tickSize", tick}},
          bj::object{{"filterType", "LOT_SIZE"}, {"minQty", step}, {"maxQty", most}, {"stepSize", step}},
          bj::object{{"filterType", "NOTIONAL"},
                     {"minNotional", "5.00000000"},
                     {"applyMinToMarket", true},
                     {"maxNotional", most},
                     {"applyMaxToMarket", false},
                     {"avgPriceMins", 5}}};
}

std::string status_of(const Listing& listing) {
  if (!listing.status.empty()) return listing.status;
  return listing.trading ? "TRADING" : "BREAK";
}

bj::object symbol_object(const Listing& listing, bool permission_sets) {
  const std::string_view name = listing.symbol;
  const bool usdt = name.ends_with("USDT");
  const std::string_view base = usdt ? name.substr(0, name.size() - 4) : name;
  const bj::array sets = permission_sets ? bj::array{bj::array{"SPOT"}} : bj::array{};
  return {{"symbol", name},
          {"status", status_of(listing)},
          {"baseAsset", base},
          {"baseAssetPrecision", kDecimals},
          {"quoteAsset", usdt ? "USDT" : ""},
          {"quotePrecision", kDecimals},
          {"quoteAssetPrecision", kDecimals},
          {"baseCommissionPrecision", kDecimals},
          {"quoteCommissionPrecision", kDecimals},
          {"orderTypes", bj::array{"LIMIT", "MARKET"}},
          {"isSpotTradingAllowed", true},  // also on dead symbols, like the real one
          {"isMarginTradingAllowed", false},
          {"filters", listing.filters ? filters_of(listing) : bj::array{}},
          {"permissions", bj::array{}},
          {"permissionSets", sets}};
}

bj::object rate_limit(std::string_view type, std::string_view interval, int count, std::int64_t limit) {
  return {{"rateLimitType", type}, {"interval", interval}, {"intervalNum", count}, {"limit", limit}};
}

// The symbols asked for; nothing when all are.
Read<std::optional<std::vector<std::string>>> read_symbols(const Target& target) {
  std::vector<std::string> names;
  if (const auto one = target.find("symbol")) names.push_back(*one);
  if (const auto list = target.find("symbols")) {
    const auto document = parse_json(*list, "symbols");
    if (!names.empty()) return refuse(-1128, "Combination of optional parameters invalid.");
    if (!document || !document->is_array())
      return illegal("symbols", R"(^\["[A-Z0-9-_.]{1,20}"(,"...")*\]$)");
    for (const bj::value& name : document->get_array()) {
      if (!name.is_string()) return illegal("symbols", R"(^\["[A-Z0-9-_.]{1,20}"(,"...")*\]$)");
      names.emplace_back(name.get_string());
    }
    if (std::set<std::string>(names.begin(), names.end()).size() < names.size()) {
      return refuse(-1151, "Symbol is present multiple times in the list.");
    }
  }
  for (const std::string& name : names) {
    if (!is_symbol_text(name)) return illegal("symbol", kSymbolRange);
  }
  return names.empty() ? std::optional<std::vector<std::string>>() : std::optional(std::move(names));
}

std::optional<TimeUnit> parse_unit(std::string_view text) {
  if (text.empty() || text == "MILLISECOND" || text == "millisecond") return TimeUnit::kMillis;
  if (text == "MICROSECOND" || text == "microsecond") return TimeUnit::kMicros;
  return std::nullopt;
}

std::int64_t weight_of(const Target& target) {
  if (target.path.ends_with("exchangeInfo")) return 20;
  return target.path.ends_with("lines") ? 2 : 1;  // klines and uiKlines
}

}  // namespace

BinanceApi::BinanceApi(MarketSource& market, Clock& clock, ApiOptions options)
    : market_(market),
      clock_(clock),
      options_(options),
      meter_(options.weight_per_minute, options.ignored_429_before_ban) {}

struct BinanceApi::Moment {
  MarketSource& market;
  UnixMillis now;
  TimeUnit unit;
};

ApiReply BinanceApi::klines(const Target& target, const Moment& moment) {
  const auto request = read_klines(target);
  if (!request) return request.error();
  const auto candles = moment.market.candles(request->symbol, request->interval, request->window, moment.now);
  if (!candles) return error_reply(-1121, "Invalid symbol.");
  return {200, {}, klines_json(*candles, moment.unit)};
}

ApiReply BinanceApi::exchange_info(const Target& target, const Moment& moment) const {
  if (auto wrong =
          check_names(target, {"symbol", "symbols", "permissions", "symbolStatus", "showPermissionSets"})) {
    return *wrong;
  }
  const auto wanted = read_symbols(target);
  if (!wanted) return wanted.error();
  const bool permission_sets = target.find("showPermissionSets").value_or("true") != "false";
  const auto status = target.find("symbolStatus");
  if (status && *wanted) return error_reply(-1128, "Combination of optional parameters invalid.");
  bj::array symbols;
  for (const Listing& listing : moment.market.listings(moment.now)) {
    const bool chosen =
        !*wanted || std::find((*wanted)->begin(), (*wanted)->end(), listing.symbol) != (*wanted)->end();
    if (!chosen || (status && *status != status_of(listing))) continue;
    symbols.push_back(symbol_object(listing, permission_sets));
  }
  if (*wanted && symbols.size() < (*wanted)->size()) return error_reply(-1121, "Invalid symbol.");
  const bj::object info{
      {"timezone", "UTC"},
      {"serverTime", instant_in(moment.unit, moment.now)},
      {"rateLimits", bj::array{rate_limit("REQUEST_WEIGHT", "MINUTE", 1, options_.weight_per_minute),
                               rate_limit("RAW_REQUESTS", "MINUTE", 5, 300000)}},
      {"exchangeFilters", bj::array{}},
      {"symbols", std::move(symbols)}};
  return {200, {}, to_json_text(info)};
}

ApiReply BinanceApi::route(const Target& target, const Moment& moment) {
  if (target.path == "/api/v3/klines" || target.path == "/api/v3/uiKlines") return klines(target, moment);
  if (target.path == "/api/v3/exchangeInfo") return exchange_info(target, moment);
  if (target.path == "/api/v3/ping" || target.path == "/api/v3/time") {
    if (auto wrong = check_names(target, {})) return *wrong;
    if (target.path == "/api/v3/ping") return {200, {}, "{}"};
    return {200, {}, fmt::format(R"({{"serverTime":{}}})", instant_in(moment.unit, moment.now))};
  }
  return error_reply(-1, fmt::format("Path {} does not exist here.", target.path.substr(0, 100)), 404);
}

ApiReply BinanceApi::handle(std::string_view method, std::string_view text, const RequestView& view) {
  ++requests_;
  const auto target = parse_target(text);
  if (!target) return error_reply(-1100, "Illegal characters found in a parameter.");
  if (method != "GET") return error_reply(-1, "Only GET is served here.", 405);
  const Admission admission = meter_.admit(weight_of(*target), clock_.now());
  ApiReply reply;
  if (admission.status == 200) {
    const auto unit = parse_unit(view.time_unit);
    const Moment moment{view.market ? *view.market : market_, clock_.now() + view.clock_skew,
                        unit.value_or(TimeUnit::kMillis)};
    reply = unit ? route(*target, moment) : error_reply(-1194, "Invalid value for time unit.");
  } else if (admission.status == 429) {
    reply = error_reply(-1003,
                        fmt::format("Too much request weight used; current limit is {} request weight per 1 "
                                    "MINUTE. Please use WebSocket Streams for live updates to avoid polling "
                                    "the API.",
                                    options_.weight_per_minute),
                        429);
  } else {
    reply = error_reply(-1003,
                        fmt::format("Way too much request weight used; IP banned until {}. Please use "
                                    "WebSocket Streams for live updates to avoid bans.",
                                    admission.banned_until),
                        418);
  }
  if (admission.retry_after > 0) {
    reply.headers["Retry-After"] = std::to_string((admission.retry_after + kSecond - 1) / kSecond);
  }
  reply.headers["X-MBX-USED-WEIGHT"] = reply.headers["X-MBX-USED-WEIGHT-1M"] = std::to_string(admission.used);
  return reply;
}

}  // namespace mop::sim
