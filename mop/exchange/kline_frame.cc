#include "mop/exchange/kline_frame.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"

namespace mop::exchange {
namespace {

namespace bj = boost::json;
using market::Candle;
using market::Decimal;

constexpr std::int64_t kEndOfMillis = 100'000'000'000'000;  // 1e14: a larger time is in microseconds

std::string_view text_of(const bj::value* v) {
  return v != nullptr && v->is_string() ? std::string_view(v->get_string()) : std::string_view();
}

// The members of one kline event, read by name; the first fault is kept.
class Fields {
 public:
  explicit Fields(const bj::object& object) : object_(object) {}

  std::string text(std::string_view key) {
    const std::string_view value = text_of(object_.if_contains(key));
    if (value.empty()) reject(key, "must be text");
    return std::string(value);
  }
  Decimal decimal(std::string_view key) {
    Decimal value = decimal_or_absent(key);
    if (value.empty()) reject(key, "must be a plain decimal number as text");
    return value;
  }
  Decimal decimal_or_absent(std::string_view key) {
    const bj::value* v = object_.if_contains(key);
    if (v == nullptr) return {};
    const auto parsed = Decimal::parse(text_of(v));
    if (!parsed || parsed->empty()) reject(key, "must be a plain decimal number as text");
    return parsed.value_or(Decimal());
  }
  std::int64_t integer(std::string_view key) {
    const bj::value* v = object_.if_contains(key);
    if (v != nullptr && v->is_int64() && v->get_int64() >= 0) return v->get_int64();
    reject(key, "must be a whole number from 0 on");
    return 0;
  }
  UnixMillis instant(std::string_view key) {
    const std::int64_t stated = integer(key);
    return stated >= kEndOfMillis ? stated / 1000 : stated;
  }
  bool flag(std::string_view key) {
    const bj::value* v = object_.if_contains(key);
    if (v != nullptr && v->is_bool()) return v->get_bool();
    reject(key, "must be true or false");
    return false;
  }
  Result<void> end() {
    if (!fault_.empty()) return fail(ErrorCode::kCorrupt, std::move(fault_));
    return {};
  }

 private:
  void reject(std::string_view key, std::string_view rule) {
    if (!fault_.empty()) return;
    const bj::value* v = object_.if_contains(key);
    fault_ = fmt::format("kline frame: \"{}\" {}, was {}", key, rule,
                         v == nullptr ? "missing" : bj::serialize(*v).substr(0, 60));
  }

  const bj::object& object_;
  std::string fault_;
};

Result<StreamFrame> read_kline(const bj::object& event) {
  const bj::value* inner = event.if_contains("k");
  if (inner == nullptr || !inner->is_object()) {
    return fail(ErrorCode::kCorrupt, "kline frame: \"k\" must be an object with the candle");
  }
  Fields outer(event), k(inner->get_object());
  KlineFrame frame{k.text("s"), k.text("i"), outer.instant("E"), Candle{}};
  Candle c;
  c.open_time = k.instant("t");
  c.open = k.decimal("o");
  c.high = k.decimal("h");
  c.low = k.decimal("l");
  c.close = k.decimal("c");
  c.volume = k.decimal("v");
  c.close_time = k.instant("T");
  c.quote_volume = k.decimal("q");
  c.trades = k.integer("n");
  c.taker_buy_base = k.decimal_or_absent("V");
  c.taker_buy_quote = k.decimal_or_absent("Q");
  const bool closed = k.flag("x");
  MOP_TRY(outer.end());
  MOP_TRY(k.end());
  if (closed) {
    frame.candle = c;
  } else {
    frame.candle = market::OpenCandle(c);
  }
  return frame;
}

CommandReply read_reply(const bj::object& object) {
  CommandReply reply;
  if (const bj::value* id = object.if_contains("id"); id != nullptr && id->is_int64())
    reply.id = id->get_int64();
  // Stated at the top ({"code":2,"msg":..}) or, by older servers, below "error".
  const bj::value* inner = object.if_contains("error");
  const bj::object& stated = inner != nullptr && inner->is_object() ? inner->get_object() : object;
  if (const bj::value* code = stated.if_contains("code"); code != nullptr && code->is_int64()) {
    reply.error = ApiError{code->get_int64(), std::string(text_of(stated.if_contains("msg")))};
  }
  return reply;
}

bool is_reply(const bj::object& object) {
  return object.contains("result") || object.contains("error") || object.contains("code");
}

}  // namespace

Result<StreamFrame> parse_stream_frame(std::string_view text) {
  MOP_TRY_ASSIGN(const bj::value document, parse_json(text, "stream frame"));
  if (!document.is_object()) return OtherFrame{};  // lists of events, as of !ticker@arr
  const bj::object* event = &document.get_object();
  const bj::value* data = event->if_contains("data");
  if (event->contains("stream") && data != nullptr) {
    if (!data->is_object()) return OtherFrame{};
    event = &data->get_object();
  }
  const std::string_view kind = text_of(event->if_contains("e"));
  if (kind == "kline") return read_kline(*event);
  if (kind == "serverShutdown") return ServerShutdown{};
  if (kind.empty() && is_reply(*event)) return read_reply(*event);
  return OtherFrame{};
}

}  // namespace mop::exchange
