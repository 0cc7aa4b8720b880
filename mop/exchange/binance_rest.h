// Binance's spot REST API, as far as candles need it: market data, no key.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/clock.h"
#include "mop/base/result.h"
#include "mop/base/rng.h"
#include "mop/exchange/binance_json.h"
#include "mop/exchange/transport.h"
#include "mop/exchange/weight_budget.h"
#include "mop/market/interval.h"

namespace mop::exchange {

struct BinanceOptions {
  std::string base_url = "https://api.binance.com";
  std::vector<std::string>
      other_hosts;            // asked in order when base_url blocks (451, 403) or cannot be reached
  std::string shared_weight;  // file shared with other processes; "" counts this process alone
  int max_attempts = 6;       // of one request, the first included
  double weight_share = 0.8;  // part of the exchange's weight limit to use, 0 < share <= 1
  DurationMillis timeout_ms = 20 * kSecond;
  DurationMillis first_backoff_ms = 500;  // doubles with every attempt, jittered to 50..100 %
  DurationMillis max_backoff_ms = 30 * kSecond;
  std::uint64_t jitter_seed = 0;
};

struct FetchCounters {
  std::int64_t requests = 0;  // sent, repeated ones included
  std::int64_t retries = 0;
  std::int64_t weight_used = 0;  // documented weight of all requests sent
  std::int64_t peak_weight = 0;  // largest X-MBX-USED-WEIGHT-1M seen: the whole address, all programs
  std::int64_t http_429 = 0;
  std::int64_t http_418 = 0;
  std::int64_t weight_limit = 0;    // of a minute, as exchangeInfo stated it (6000 until then)
  std::int64_t weight_allowed = 0;  // our share of it
  std::int64_t host_changes = 0;
};

/// What part of a series to ask for. Bounds are open times, both inclusive; no bound asks for the newest
/// rows.
struct KlinesQuery {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  std::optional<UnixMillis> start, end;
  int limit = 1000;  // 1..1000
};

/// Thread-safe. Repeats what may pass (timeouts, 5xx, overload codes, 429 after its Retry-After); stays
/// within its share of the weight limit; goes on to the next host when one blocks or is silent twice. Errors
/// of every call: kUnavailable (attempts used up), kRateLimited (banned), kUnsupported (451, 403: all hosts
/// block), kNotFound (unknown symbol or path), kInvalidArgument (other 4xx), kCorrupt (not what Binance
/// sends), kInterrupted.
class BinanceRest {
 public:
  static constexpr int kMaxLimit = 1000;

  /// Transport and clock are kept by reference and must outlive this.
  BinanceRest(Transport& transport, Clock& clock, BinanceOptions options = {});

  Result<UnixMillis> server_time();
  /// Rows as stated, ascending; the newest may be open. Errors also: kInvalidArgument for a limit
  /// outside 1..1000.
  Result<std::vector<market::Candle>> klines(const KlinesQuery& query);
  /// One unknown symbol fails the whole call (-1121). An empty list asks for all symbols.
  Result<ExchangeInfo> exchange_info(const std::vector<std::string>& symbols);

  FetchCounters counters() const;
  /// The host that is asked at present.
  std::string host() const;

 private:
  struct Verdict;  // what one attempt came to
  using ReadBody = std::function<Result<void>(const std::string& body)>;
  Result<void> get(const std::string& path_and_query, std::int64_t weight, std::string_view what,
                   const ReadBody& read);
  Verdict attempt(const std::string& url, std::int64_t weight, std::string_view what, int number);
  bool leave_host(std::size_t index, std::string_view why);
  Verdict judge(const HttpReply& reply, std::string_view what, DurationMillis backoff);
  DurationMillis backoff(int attempt_number);

  Transport& transport_;
  Clock& clock_;
  const BinanceOptions options_;
  WeightBudget budget_;
  std::vector<std::string> hosts_;
  std::atomic<std::size_t> host_{0};
  std::mutex rng_mutex_;
  Rng rng_;
  std::atomic<std::int64_t> requests_{0}, retries_{0}, weight_used_{0}, http_429_{0}, http_418_{0};
};

}  // namespace mop::exchange
