#pragma once
#include <cstdint>
#include <mutex>

#include "mop/base/time.h"

namespace mop::app {

/// The exchange's clock as far as it has told the time, carried on by the machine's monotonic clock: a jump
/// of the machine's wall clock changes nothing. Never goes back. Thread-safe.
class ExchangeClock {
 public:
  /// An exchange whose clock runs `speed` times as fast as ours (1, but for rehearsals).
  explicit ExchangeClock(double speed) : speed_(speed) {}

  /// The exchange said that it was `time`, in bytes that had arrived at `received_us` (monotonic_micros()).
  /// What took longest on its way counts least: the latest clock of the newest minutes is believed.
  void note(UnixMillis time, std::int64_t received_us);
  /// 0 before the first note().
  UnixMillis now() { return at(monotonic()); }
  UnixMillis at(std::int64_t monotonic_us);

 private:
  static std::int64_t monotonic();
  static constexpr std::int64_t kWindow = 120'000'000;  // microseconds that a note counts, at most twice that

  double carried(std::int64_t us) const { return static_cast<double>(us - origin_us_) / 1000.0 * speed_; }

  const double speed_;
  std::mutex mutex_;
  bool known_ = false;
  std::int64_t origin_us_ = 0, window_us_ = 0;
  double offset_ = 0.0,
         next_offset_ = 0.0;  // exchange's time minus what is carried; of this and the next window
  UnixMillis last_ = 0;
};

}  // namespace mop::app
