// Binance counts request weight per address and minute. This keeps one process below its share of it.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>

#include "mop/base/clock.h"
#include "mop/base/result.h"

namespace mop::exchange {

/// Thread-safe. Times are the exchange's, as far as it is known (set_server_time), else the local clock's.
class WeightBudget {
 public:
  /// share: part of the limit this process may use, 0 < share <= 1.
  WeightBudget(Clock& clock, double share) : clock_(clock), share_(share) {}

  /// Takes `weight` out of the current minute; sleeps into the next minute when the share is used up, and
  /// until a wait that the exchange asked for is over. Errors: kRateLimited while banned (naming until when),
  /// kInterrupted.
  Result<void> acquire(std::int64_t weight);
  /// The reply to an acquired request came in; `used` is the minute's weight it states (nothing: not stated).
  void replied(std::int64_t weight, std::optional<std::int64_t> used);

  /// 429: nobody sends anything for that long.
  void wait_for(DurationMillis duration);
  /// 418: nobody sends anything any more until then. Returns the error every caller gets from now on.
  Error ban_for(DurationMillis duration);
  void set_server_time(UnixMillis server_now);
  void set_limit(std::int64_t weight_per_minute);

  /// The largest used weight the exchange has stated.
  std::int64_t peak_used() const;

 private:
  UnixMillis now() const;  // exchange time
  Error ban_error() const;
  DurationMillis time_to_wait(std::int64_t weight);

  Clock& clock_;
  const double share_;
  mutable std::mutex mutex_;
  std::int64_t limit_ = 6000;  // Binance spot, until exchangeInfo says otherwise
  std::int64_t minute_ = -1;   // number of the minute `used_` counts
  std::int64_t used_ = 0;      // stated by the last reply
  std::int64_t in_flight_ = 0;
  std::int64_t peak_used_ = 0;
  DurationMillis server_offset_ = 0;
  UnixMillis wait_until_ = 0, banned_until_ = 0;
};

}  // namespace mop::exchange
