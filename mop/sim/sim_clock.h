#pragma once
#include <string_view>

#include "mop/base/clock.h"
#include "mop/base/result.h"

namespace mop::sim {

/// A clock that starts at an instant of its own and runs `speed` times as fast as another. Thread-safe when
/// the other one is.
class ScaledClock final : public Clock {
 public:
  /// `base` must outlive this. REQUIRES: speed > 0.
  ScaledClock(Clock& base, UnixMillis start, double speed);
  UnixMillis now() override;
  void sleep_for(DurationMillis duration) override;  // of this clock's time

 private:
  Clock& base_;
  const UnixMillis base_start_, start_;
  const double speed_;
};

/// "real" is 1, "x60" is 60, "x0.5" is 0.5. Errors: kInvalidArgument outside x0.001..x100000.
Result<double> parse_clock_speed(std::string_view text);

}  // namespace mop::sim
