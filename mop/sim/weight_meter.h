#pragma once
#include <cstdint>
#include <mutex>

#include "mop/base/time.h"

namespace mop::sim {

/// What the exchange decides about one request of a caller.
struct Admission {
  int status = 200;                // 200, 429 or 418
  std::int64_t used = 0;           // weight of this minute, this request included
  DurationMillis retry_after = 0;  // with 429 and 418
  UnixMillis banned_until = 0;     // with 418
};

/// Request weight per minute of the clock, as Binance counts it: above the limit 429 until the minute ends;
/// who keeps asking is banned (418), first for two minutes, doubled each time up to three days. All callers
/// are one address. Thread-safe.
class WeightMeter {
 public:
  explicit WeightMeter(std::int64_t limit, int ignored_429_before_ban = 10)
      : limit_(limit), patience_(ignored_429_before_ban) {}
  Admission admit(std::int64_t weight, UnixMillis now);

 private:
  const std::int64_t limit_;
  const int patience_;
  std::mutex mutex_;
  std::int64_t minute_ = -1, used_ = 0;
  int ignored_ = 0;
  UnixMillis banned_until_ = 0;
  DurationMillis next_ban_ = 2 * kMinute;
};

}  // namespace mop::sim
