// The rules of Binance's spot REST API over a market: requests in, replies out, no network.
#pragma once
#include <atomic>
#include <cstdint>
#include <string_view>

#include "mop/base/clock.h"
#include "mop/base/request_target.h"
#include "mop/sim/api_reply.h"
#include "mop/sim/candle_text.h"
#include "mop/sim/market_source.h"
#include "mop/sim/weight_meter.h"

namespace mop::sim {

struct ApiOptions {
  std::int64_t weight_per_minute = 6000;
  int ignored_429_before_ban = 10;
};

/// How one request sees the exchange. What is left out is the plain truth.
struct RequestView {
  MarketSource* market = nullptr;  // instead of the exchange's own
  DurationMillis clock_skew = 0;   // added to the clock for this request
  std::string_view time_unit;      // the header X-MBX-TIME-UNIT
};

/// GET /api/v3/ping, time, exchangeInfo, klines and uiKlines with Binance's parameters, windows, weights and
/// error codes. Intervals other than 15m and 1h are answered like invalid ones (-1120); a limit above 1000,
/// which Binance leaves undefined, is refused (-1130) so that no client comes to rely on it. Thread-safe.
class BinanceApi {
 public:
  /// Market and clock must outlive this.
  BinanceApi(MarketSource& market, Clock& clock, ApiOptions options = {});

  /// `target` is the request line's: path and query.
  ApiReply handle(std::string_view method, std::string_view target, const RequestView& view = {});
  /// Requests handled so far, refused ones included.
  std::int64_t requests() const { return requests_.load(); }

 private:
  struct Moment;  // market, time and unit of one request
  ApiReply route(const Target& target, const Moment& moment);
  ApiReply klines(const Target& target, const Moment& moment);
  ApiReply exchange_info(const Target& target, const Moment& moment) const;

  MarketSource& market_;
  Clock& clock_;
  const ApiOptions options_;
  WeightMeter meter_;
  std::atomic<std::int64_t> requests_{0};
};

}  // namespace mop::sim
