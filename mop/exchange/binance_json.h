// What Binance's REST replies say. Whatever the bytes are, the answer is a value or a kCorrupt error.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/market/candle.h"

namespace mop::exchange {

/// /api/v3/klines: rows of exactly 12 columns, in the order sent, with the exact decimal text. The newest row
/// may still be open (market::classify tells). Nothing but the form is checked here; market::validate does
/// the rest. Errors: kCorrupt naming row, column and value.
Result<std::vector<market::Candle>> parse_klines(std::string_view body);

/// /api/v3/time: the exchange's clock. Errors: kCorrupt.
Result<UnixMillis> parse_server_time(std::string_view body);

struct SymbolInfo {
  std::string symbol;                        // UTF-8, not always ASCII
  std::string status;                        // TRADING, BREAK, HALT, ...; unknown ones are kept as they are
  std::optional<market::Decimal> tick_size;  // absent without a PRICE_FILTER

  /// isSpotTradingAllowed stays true on dead symbols; the status alone tells.
  bool trading() const { return status == "TRADING"; }
};

struct ExchangeInfo {
  UnixMillis server_time = 0;
  std::optional<std::int64_t> weight_per_minute;  // REQUEST_WEIGHT limit of one minute, when stated
  std::vector<SymbolInfo> symbols;
};

/// /api/v3/exchangeInfo. Unknown fields, statuses and filters are passed over. Errors: kCorrupt.
Result<ExchangeInfo> parse_exchange_info(std::string_view body);

struct ApiError {
  std::int64_t code = 0;  // Binance's: -1121 and the like; 0 from restricted locations
  std::string message;
};

/// {"code":-1121,"msg":"Invalid symbol."}; nothing when the body is anything else (HTML, empty, a list).
std::optional<ApiError> parse_api_error(std::string_view body);

}  // namespace mop::exchange
