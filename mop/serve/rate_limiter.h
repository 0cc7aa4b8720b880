#pragma once
#include <cstddef>
#include <string>
#include <unordered_map>

#include "mop/base/time.h"

namespace mop::serve {

/// A token bucket for each client. One thread at a time.
class RateLimiter {
 public:
  /// `per_second` > 0 requests in the long run, `burst` >= 1 at once.
  RateLimiter(double per_second, double burst) : per_ms_(per_second / 1000.0), burst_(burst) {}

  /// Other limits from now on; clients keep what they have, up to the new burst.
  void limit(double per_second, double burst) {
    per_ms_ = per_second / 1000.0;
    burst_ = burst;
  }

  /// 0 when the client may go on, else how long it should wait.
  DurationMillis take(const std::string& client, UnixMillis now);
  /// Clients remembered: those whose bucket is not full, at most kMostClients.
  std::size_t clients() const { return buckets_.size(); }
  static constexpr std::size_t kMostClients = 10'000;

 private:
  struct Bucket {
    double tokens;
    UnixMillis at;
  };
  double filled(const Bucket& bucket, UnixMillis now) const;
  void forget(UnixMillis now);

  double per_ms_, burst_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace mop::serve
