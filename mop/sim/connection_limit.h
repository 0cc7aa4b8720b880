#pragma once
#include <cstddef>
#include <deque>
#include <mutex>

#include "mop/base/time.h"

namespace mop::sim {

/// Stream connections attempted within five minutes of the clock: 300 are let in, as Binance counts them per
/// address (all callers are one here). Refused attempts count too. Thread-safe.
class ConnectionLimit {
 public:
  explicit ConnectionLimit(std::size_t most = 300) : most_(most) {}
  bool admit(UnixMillis now) {
    const std::lock_guard lock(mutex_);
    while (!attempts_.empty() && attempts_.front() <= now - 5 * kMinute)
      attempts_.pop_front();
    attempts_.push_back(now);
    if (attempts_.size() > 2 * most_) attempts_.pop_front();  // what is counted beyond changes nothing
    return attempts_.size() <= most_;
  }

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::deque<UnixMillis> attempts_;
};

}  // namespace mop::sim
