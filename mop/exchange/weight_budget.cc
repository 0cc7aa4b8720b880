#include "mop/exchange/weight_budget.h"

#include <algorithm>

#include <fmt/format.h>

#include "mop/base/interrupt.h"

namespace mop::exchange {
namespace {

// The exchange's minute may begin a little later than it seems from here.
constexpr DurationMillis kMinuteMargin = 500;

Error ban_error(UnixMillis until) {
  return {
      ErrorCode::kRateLimited,
      fmt::format("Binance has banned this address until {} UTC (HTTP 418) for ignoring its rate limit; wait "
                  "until then and lower --weight-share",
                  format_utc(until))};
}

}  // namespace

UnixMillis WeightBudget::now() const {
  return clock_.now() + server_offset_;
}

// 0 and the weight is taken, or how long to sleep before asking again.
DurationMillis WeightBudget::time_to_wait(WeightState& state, std::int64_t weight) {
  if (state.wait_until > clock_.now()) return state.wait_until - clock_.now();
  const UnixMillis t = now();
  if (t / kMinute != state.minute) {
    state.minute = t / kMinute;
    state.granted = in_flight_;  // sent in the last minute, they may be counted in this one
    state.stated = 0;
  }
  const auto budget = static_cast<std::int64_t>(static_cast<double>(limit_) * share_);
  // What was granted here, or what the exchange counted (other programs too) and what is still on its way.
  const std::int64_t used = std::max(state.granted, state.stated + in_flight_);
  // A budget below one request would never send anything: alone in its minute a request always goes.
  if (used > 0 && used + weight > budget) return (state.minute + 1) * kMinute - t + kMinuteMargin;
  state.granted += weight;
  in_flight_ += weight;
  return 0;
}

Result<void> WeightBudget::acquire(std::int64_t weight) {
  while (true) {
    if (interrupted()) return fail(ErrorCode::kInterrupted, "request to Binance interrupted");
    DurationMillis wait = 0;
    UnixMillis banned_until = 0;
    shared_.update([&](WeightState& state) {
      const std::lock_guard lock(mutex_);
      if (state.banned_until > clock_.now()) {
        banned_until = state.banned_until + server_offset_;
      } else {
        wait = time_to_wait(state, weight);
      }
    });
    if (banned_until > 0) return fail(ban_error(banned_until));
    if (wait == 0) return {};
    clock_.sleep_for(wait);
  }
}

void WeightBudget::replied(std::int64_t weight, std::optional<std::int64_t> used, UnixMillis sent) {
  shared_.update([&](WeightState& state) {
    const std::lock_guard lock(mutex_);
    in_flight_ = std::max<std::int64_t>(0, in_flight_ - weight);
    if (!used) return;
    peak_used_ = std::max(peak_used_, *used);
    // A reply to a request of the last minute may state that minute's sum.
    if ((sent + server_offset_) / kMinute == state.minute) state.stated = std::max(state.stated, *used);
  });
}

void WeightBudget::wait_for(DurationMillis duration) {
  shared_.update([&](WeightState& state) {
    const std::lock_guard lock(mutex_);
    state.wait_until = std::max(state.wait_until, clock_.now() + duration);
  });
}

Error WeightBudget::ban_for(DurationMillis duration) {
  UnixMillis until = 0;
  shared_.update([&](WeightState& state) {
    const std::lock_guard lock(mutex_);
    state.banned_until = std::max(state.banned_until, clock_.now() + duration);
    until = state.banned_until + server_offset_;
  });
  return ban_error(until);
}

void WeightBudget::set_server_time(UnixMillis server_now) {
  const std::lock_guard lock(mutex_);
  server_offset_ = server_now - clock_.now();
}

void WeightBudget::set_limit(std::int64_t weight_per_minute) {
  const std::lock_guard lock(mutex_);
  if (weight_per_minute > 0) limit_ = weight_per_minute;
}

std::int64_t WeightBudget::peak_used() const {
  const std::lock_guard lock(mutex_);
  return peak_used_;
}

std::int64_t WeightBudget::limit() const {
  const std::lock_guard lock(mutex_);
  return limit_;
}

std::int64_t WeightBudget::allowed() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(static_cast<double>(limit_) * share_);
}

}  // namespace mop::exchange
