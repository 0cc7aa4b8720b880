#include "mop/exchange/weight_budget.h"

#include <algorithm>

#include <fmt/format.h>

#include "mop/base/interrupt.h"

namespace mop::exchange {
namespace {

// The exchange's minute may begin a little later than it seems from here.
constexpr DurationMillis kMinuteMargin = 500;

}  // namespace

UnixMillis WeightBudget::now() const {
  return clock_.now() + server_offset_;
}

// 0 and the weight is taken, or how long to sleep before asking again.
DurationMillis WeightBudget::time_to_wait(std::int64_t weight) {
  const UnixMillis t = now();
  if (wait_until_ > t) return wait_until_ - t;
  if (t / kMinute != minute_) {
    minute_ = t / kMinute;
    used_ = 0;
  }
  const auto budget = static_cast<std::int64_t>(static_cast<double>(limit_) * share_);
  // A budget below one request would never send anything: alone in its minute a request always goes.
  if (used_ + in_flight_ > 0 && used_ + in_flight_ + weight > budget) {
    return (minute_ + 1) * kMinute - t + kMinuteMargin;
  }
  in_flight_ += weight;
  return 0;
}

Result<void> WeightBudget::acquire(std::int64_t weight) {
  while (true) {
    if (interrupted()) return fail(ErrorCode::kInterrupted, "request to Binance interrupted");
    DurationMillis wait = 0;
    {
      const std::lock_guard lock(mutex_);
      if (banned_until_ > now()) return fail(ban_error());
      wait = time_to_wait(weight);
    }
    if (wait == 0) return {};
    clock_.sleep_for(wait);
  }
}

void WeightBudget::replied(std::int64_t weight, std::optional<std::int64_t> used) {
  const std::lock_guard lock(mutex_);
  in_flight_ = std::max<std::int64_t>(0, in_flight_ - weight);
  used_ = used.value_or(used_ + weight);
  peak_used_ = std::max(peak_used_, used_);
}

void WeightBudget::wait_for(DurationMillis duration) {
  const std::lock_guard lock(mutex_);
  wait_until_ = std::max(wait_until_, now() + duration);
}

Error WeightBudget::ban_error() const {
  return {
      ErrorCode::kRateLimited,
      fmt::format("Binance has banned this address until {} UTC (HTTP 418) for ignoring its rate limit; wait "
                  "until then and lower --weight-share",
                  format_utc(banned_until_))};
}

Error WeightBudget::ban_for(DurationMillis duration) {
  const std::lock_guard lock(mutex_);
  banned_until_ = std::max(banned_until_, now() + duration);
  return ban_error();
}

void WeightBudget::set_server_time(UnixMillis server_now) {
  const std::lock_guard lock(mutex_);
  const DurationMillis offset = server_now - clock_.now();
  const DurationMillis shift = offset - server_offset_;
  if (wait_until_ > 0) wait_until_ += shift;  // a wait in progress keeps its length
  if (banned_until_ > 0) banned_until_ += shift;
  server_offset_ = offset;
}

void WeightBudget::set_limit(std::int64_t weight_per_minute) {
  const std::lock_guard lock(mutex_);
  if (weight_per_minute > 0) limit_ = weight_per_minute;
}

std::int64_t WeightBudget::peak_used() const {
  const std::lock_guard lock(mutex_);
  return peak_used_;
}

}  // namespace mop::exchange
