#pragma once
#include <mutex>
#include <string_view>

#include "mop/base/clock.h"
#include "mop/base/result.h"

namespace mop::sim {

/// A clock that starts at an instant of its own and runs `speed` times as fast as another; it can be set
/// while it runs. Thread-safe when the other one is.
class ScaledClock final : public Clock {
 public:
  /// `base` must outlive this. REQUIRES: speed > 0.
  ScaledClock(Clock& base, UnixMillis start, double speed);
  UnixMillis now() override;
  void sleep_for(DurationMillis duration) override;  // of this clock's time
  /// From now on it reads `now` and runs `speed` times as fast. REQUIRES: speed > 0.
  void set(UnixMillis now, double speed);
  double speed() const;

 private:
  UnixMillis at(UnixMillis base_now) const;

  Clock& base_;
  mutable std::mutex mutex_;  // guards what follows
  UnixMillis base_start_, start_;
  double speed_;
};

/// "real" is 1, "x60" is 60, "x0.5" is 0.5. Errors: kInvalidArgument outside x0.001..x100000.
Result<double> parse_clock_speed(std::string_view text);

}  // namespace mop::sim
