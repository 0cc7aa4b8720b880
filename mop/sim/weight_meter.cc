#include "mop/sim/weight_meter.h"

#include <algorithm>

namespace mop::sim {

Admission WeightMeter::admit(std::int64_t weight, UnixMillis now) {
  const std::lock_guard lock(mutex_);
  if (now / kMinute != minute_) {
    minute_ = now / kMinute;
    used_ = 0;
    ignored_ = 0;
  }
  if (now < banned_until_) return {418, used_, banned_until_ - now, banned_until_};
  used_ += weight;
  if (used_ <= limit_) return {200, used_, 0, 0};
  if (ignored_++ < patience_) return {429, used_, (minute_ + 1) * kMinute - now, 0};
  banned_until_ = now + next_ban_;
  next_ban_ = std::min(2 * next_ban_, 3 * kDay);
  return {418, used_, banned_until_ - now, banned_until_};
}

}  // namespace mop::sim
