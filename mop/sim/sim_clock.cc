#include "mop/sim/sim_clock.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"

namespace mop::sim {

ScaledClock::ScaledClock(Clock& base, UnixMillis start, double speed)
    : base_(base), base_start_(base.now()), start_(start), speed_(speed) {
  MOP_CHECK(speed > 0.0) << "clock speed " << speed;
}

UnixMillis ScaledClock::at(UnixMillis base_now) const {
  const auto passed = static_cast<double>(base_now - base_start_);
  return start_ + static_cast<UnixMillis>(std::floor(passed * speed_));
}

UnixMillis ScaledClock::now() {
  const std::lock_guard lock(mutex_);
  return at(base_.now());
}

void ScaledClock::set(UnixMillis now, double speed) {
  MOP_CHECK(speed > 0.0) << "clock speed " << speed;
  const std::lock_guard lock(mutex_);
  base_start_ = base_.now();
  start_ = now;
  speed_ = speed;
}

double ScaledClock::speed() const {
  const std::lock_guard lock(mutex_);
  return speed_;
}

void ScaledClock::sleep_for(DurationMillis duration) {
  base_.sleep_for(static_cast<DurationMillis>(std::ceil(static_cast<double>(duration) / speed())));
}

Result<double> parse_clock_speed(std::string_view text) {
  if (text == "real") return 1.0;
  double speed = 0.0;
  const char* end = text.data() + text.size();
  const bool number =
      text.starts_with('x') && text.size() > 1 && std::from_chars(text.data() + 1, end, speed).ptr == end;
  if (!number || !(speed >= 0.001 && speed <= 100000.0)) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("clock must be 'real' or x0.001..x100000 (x60: a minute in a second), was '{}'", text));
  }
  return speed;
}

}  // namespace mop::sim
