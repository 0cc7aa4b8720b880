// Binance counts request weight per address and minute. This keeps all mop processes of a machine below their
// share of it.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>

#include "mop/base/clock.h"
#include "mop/base/result.h"
#include "mop/exchange/shared_weight.h"

namespace mop::exchange {

/// Thread-safe. Times are the exchange's, as far as it is known (set_server_time), else the local clock's.
class WeightBudget {
 public:
  /// share: part of the limit to use, 0 < share <= 1. shared_path: see SharedWeight; "" counts this process
  /// alone.
  WeightBudget(Clock& clock, double share, const std::string& shared_path = {})
      : clock_(clock), share_(share), shared_(shared_path) {}

  /// Takes `weight` out of the current minute; sleeps into the next minute when the share is used up, and
  /// until a wait that the exchange asked for is over. Errors: kRateLimited while banned (naming until when),
  /// kInterrupted.
  Result<void> acquire(std::int64_t weight);
  /// The reply to a request that was sent at `sent` (local clock) came in; `used` is the minute's weight it
  /// states (nothing: not stated).
  void replied(std::int64_t weight, std::optional<std::int64_t> used, UnixMillis sent);

  /// 429: nobody sends anything for that long.
  void wait_for(DurationMillis duration);
  /// 418: nobody sends anything any more until then. Returns the error every caller gets from now on.
  Error ban_for(DurationMillis duration);
  void set_server_time(UnixMillis server_now);
  void set_limit(std::int64_t weight_per_minute);

  /// The largest used weight the exchange has stated.
  std::int64_t peak_used() const;
  /// Weight of one minute: what the exchange allows, and this budget's share of it.
  std::int64_t limit() const;
  std::int64_t allowed() const;

 private:
  UnixMillis now() const;  // exchange time; REQUIRES: mutex_ is held
  DurationMillis time_to_wait(WeightState& state, std::int64_t weight);

  Clock& clock_;
  const double share_;
  SharedWeight shared_;
  mutable std::mutex mutex_;
  std::int64_t limit_ = 6000;  // Binance spot, until exchangeInfo says otherwise
  std::int64_t in_flight_ = 0;
  std::int64_t peak_used_ = 0;
  DurationMillis server_offset_ = 0;
};

}  // namespace mop::exchange
