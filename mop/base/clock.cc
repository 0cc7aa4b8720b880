#include "mop/base/clock.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "mop/base/interrupt.h"

namespace mop {

UnixMillis SystemClock::now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

void SystemClock::sleep_for(DurationMillis duration) {
  constexpr DurationMillis kSlice = 50;  // so that Ctrl-C is noticed at once
  for (DurationMillis left = duration; left > 0 && !interrupted(); left -= kSlice) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(left, kSlice)));
  }
}

UnixMillis FastClock::now() {
  return start_ + static_cast<DurationMillis>(static_cast<double>(clock_.now() - start_) * speed_);
}

// Never shorter than asked, so that whoever waits for an instant by now() finds it reached.
void FastClock::sleep_for(DurationMillis duration) {
  clock_.sleep_for(static_cast<DurationMillis>(std::ceil(static_cast<double>(duration) / speed_)));
}

std::int64_t monotonic_micros() {
  const auto t = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(t).count();
}

}  // namespace mop
