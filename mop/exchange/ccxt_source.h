// Candles of other exchanges, through the ccxt library in a Node.js process (edges/ccxt).
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/market/candle.h"
#include "mop/market/interval.h"

namespace mop::exchange {

struct CcxtOptions {
  std::string node = "node";                // looked up in PATH
  std::string script;                       // candles.mjs; "" searches: find_edge()
  std::string url;                          // "" is the exchange's own address
  DurationMillis silence_ms = 2 * kMinute;  // without a line for this long the process is given up
};

struct CcxtRequest {
  std::string exchange;  // ccxt's id: "kucoin", "kraken"
  std::string symbol;    // "XMRUSDT"; asked for as XMR/USDT
  market::Interval interval = market::Interval::k1h;
  UnixMillis since = 0;  // open time, inclusive
  UnixMillis until = 0;  // only candles with close_time < until: the wall clock
};

/// Called with finished, valid, ascending candles; later calls bring later candles. An error ends the fetch.
using OnForeignCandles = std::function<Result<void>(std::span<const market::Candle>)>;

/// Runs the edge once. Quote volume, trades and taker volumes are absent: ccxt does not state them. Returns
/// the number of candles handed on. Errors: kUnsupported (no node, no ccxt installed; the remedy is named),
/// kNotFound (exchange or symbol unknown there), kRateLimited, kUnavailable, kCorrupt (a reply that breaks a
/// rule), kInterrupted, and those of `sink`.
Result<std::size_t> fetch_ccxt(const CcxtOptions& options, const CcxtRequest& request,
                               const OnForeignCandles& sink);

/// One line of the edge's output (docs: edges/ccxt/candles.mjs).
struct CcxtLine {
  std::vector<market::Candle> candles;
  bool done = false;
};
/// Errors: kCorrupt; the edge's own errors with their code.
Result<CcxtLine> parse_ccxt_line(std::string_view line, market::Interval interval);

}  // namespace mop::exchange
