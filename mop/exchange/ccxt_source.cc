#include "mop/exchange/ccxt_source.h"

#include <array>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/line_process.h"

namespace mop::exchange {
namespace {

namespace bj = boost::json;
using market::Candle;
using market::Decimal;

constexpr const char* kEdge = "fetch through ccxt";

tl::unexpected<Error> bad(std::string_view why) {
  return fail(ErrorCode::kCorrupt, fmt::format("{} sent a wrong line: {}", kEdge, why));
}

// [open time, "open", "high", "low", "close", "volume"]
Result<Candle> read_row(const bj::value& value, market::Interval interval) {
  const bj::array* row = value.if_array();
  if (row == nullptr || row->size() != 6 || !(*row)[0].is_int64()) {
    return bad("a row must be an open time and five decimals");
  }
  Candle c;
  c.open_time = (*row)[0].get_int64();
  if (c.open_time < 0 || c.open_time >= 100'000'000'000'000) return bad("an open time out of range");
  c.close_time = c.open_time + market::length_of(interval) - 1;
  const std::array<Decimal*, 5> fields{&c.open, &c.high, &c.low, &c.close, &c.volume};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const bj::string* text = (*row)[i + 1].if_string();
    if (text == nullptr) return bad("a row must be an open time and five decimals");
    MOP_TRY_ASSIGN(*fields[i], Decimal::parse({text->data(), text->size()}));
  }
  MOP_TRY(market::validate(c, interval));
  return c;
}

std::string unified(std::string_view symbol) {
  constexpr std::string_view kQuote = "USDT";
  if (!symbol.ends_with(kQuote)) return std::string(symbol);
  return fmt::format("{}/{}", symbol.substr(0, symbol.size() - kQuote.size()), kQuote);
}

}  // namespace

Result<CcxtLine> parse_ccxt_line(std::string_view line, market::Interval interval) {
  MOP_TRY_ASSIGN(const bj::object object, parse_edge_line(line, kEdge));
  CcxtLine read;
  if (const bj::value* done = object.if_contains("done")) {
    read.done = done->is_bool() && done->get_bool();
    return read;
  }
  const bj::value* rows = object.if_contains("rows");
  if (rows == nullptr || !rows->is_array()) return bad("it must have rows, done or error");
  for (const bj::value& row : rows->get_array()) {
    MOP_TRY_ASSIGN(const Candle candle, read_row(row, interval));
    if (!read.candles.empty() && candle.open_time <= read.candles.back().open_time) {
      return bad(fmt::format("candle of {} does not come after {}", format_utc(candle.open_time),
                             format_utc(read.candles.back().open_time)));
    }
    read.candles.push_back(candle);
  }
  return read;
}

Result<std::size_t> fetch_ccxt(const CcxtOptions& options, const CcxtRequest& request,
                               const OnForeignCandles& sink) {
  std::string script = options.script;
  if (script.empty()) {
    MOP_TRY_ASSIGN(script, find_edge("ccxt/candles.mjs"));
  }
  MOP_TRY_ASSIGN(LineProcess child, LineProcess::start(options.node, script, kEdge));
  child.send(to_json_text(bj::object{{"exchange", request.exchange},
                                     {"symbol", unified(request.symbol)},
                                     {"timeframe", market::to_string(request.interval)},
                                     {"since", request.since},
                                     {"until", request.until},
                                     {"url", options.url}}) +
             "\n");
  std::size_t count = 0;
  UnixMillis last = -1;
  while (true) {
    MOP_TRY_ASSIGN(const std::string line, child.line(options.silence_ms));
    MOP_TRY_ASSIGN(CcxtLine read, parse_ccxt_line(line, request.interval));
    if (read.done) return count;
    std::erase_if(read.candles, [&](const Candle& c) {
      return c.open_time <= last || c.open_time < request.since || c.close_time >= request.until;
    });
    if (read.candles.empty()) continue;
    last = read.candles.back().open_time;
    count += read.candles.size();
    MOP_TRY(sink(read.candles));
  }
}

}  // namespace mop::exchange
