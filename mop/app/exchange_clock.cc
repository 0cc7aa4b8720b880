#include "mop/app/exchange_clock.h"

#include <algorithm>

#include "mop/base/clock.h"

namespace mop::app {

std::int64_t ExchangeClock::monotonic() {
  return monotonic_micros();
}

void ExchangeClock::note(UnixMillis time, std::int64_t received_us) {
  const std::lock_guard lock(mutex_);
  if (!known_) {
    known_ = true;
    origin_us_ = window_us_ = received_us;
    offset_ = next_offset_ = static_cast<double>(time);
    return;
  }
  const double offset = static_cast<double>(time) - carried(received_us);
  if (received_us - window_us_ > kWindow) {  // clocks drift: what is older than a window is forgotten
    offset_ = next_offset_;
    next_offset_ = offset;
    window_us_ = received_us;
  }
  offset_ = std::max(offset_, offset);
  next_offset_ = std::max(next_offset_, offset);
}

UnixMillis ExchangeClock::at(std::int64_t monotonic_us) {
  const std::lock_guard lock(mutex_);
  if (!known_) return 0;
  last_ = std::max(last_, static_cast<UnixMillis>(offset_ + carried(monotonic_us)));
  return last_;
}

}  // namespace mop::app
