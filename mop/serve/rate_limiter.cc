#include "mop/serve/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace mop::serve {

double RateLimiter::filled(const Bucket& bucket, UnixMillis now) const {
  const auto passed = static_cast<double>(std::max<DurationMillis>(0, now - bucket.at));  // clocks jump
  return std::min(burst_, bucket.tokens + passed * per_ms_);
}

DurationMillis RateLimiter::take(const std::string& client, UnixMillis now) {
  if (buckets_.size() >= kMostClients && !buckets_.contains(client)) forget(now);
  Bucket& bucket = buckets_.try_emplace(client, Bucket{burst_, now}).first->second;
  bucket = {filled(bucket, now), now};
  if (bucket.tokens < 1.0) return static_cast<DurationMillis>(std::ceil((1.0 - bucket.tokens) / per_ms_));
  bucket.tokens -= 1.0;
  return 0;
}

// A full bucket says no more than none at all. When that frees nothing, all begin anew: the limit protects
// the machine, and memory is part of that.
void RateLimiter::forget(UnixMillis now) {
  std::erase_if(buckets_, [&](const auto& entry) { return filled(entry.second, now) >= burst_; });
  if (buckets_.size() >= kMostClients) buckets_.clear();
}

}  // namespace mop::serve
