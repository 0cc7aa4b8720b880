// What Binance's market streams say: one text frame -> one value. Whatever the bytes are, the answer is a
// value or a kCorrupt error.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "mop/base/result.h"
#include "mop/exchange/binance_json.h"
#include "mop/market/candle.h"

namespace mop::exchange {

/// A kline event. The stream states itself whether the candle is closed ("x"), so no clock is asked.
struct KlineFrame {
  std::string symbol;         // "BTCUSDT"
  std::string interval;       // Binance's spelling: "15m"; it has more of them than market::Interval
  UnixMillis event_time = 0;  // the exchange's clock
  std::variant<market::Candle, market::OpenCandle> candle;
};

/// The server closes soon: open the next connection first, then drop this one.
struct ServerShutdown {};

/// Answer to a command. `id` is empty when the command had none or one that is no whole number.
struct CommandReply {
  std::optional<std::int64_t> id;
  std::optional<ApiError> error;  // code 0..3
};

/// A well-formed frame of a kind MOP has no use for: other events, new ones.
struct OtherFrame {};

using StreamFrame = std::variant<KlineFrame, ServerShutdown, CommandReply, OtherFrame>;

/// A text frame of a raw (/ws) or combined (/stream) connection, with times in milli- or microseconds.
/// Nothing but the form of a kline is checked; market::validate does the rest. Taker volumes may be absent.
/// Errors: kCorrupt naming the field and its value.
Result<StreamFrame> parse_stream_frame(std::string_view text);

}  // namespace mop::exchange
