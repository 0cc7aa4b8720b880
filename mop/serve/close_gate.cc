#include "mop/serve/close_gate.h"

#include <algorithm>
#include <set>

#include "mop/base/check.h"

namespace mop::serve {
namespace {

constexpr DurationMillis kStep = 15 * kMinute;  // between instants

bool closes_at(market::Interval interval, UnixMillis close_time) {
  return (close_time + 1) % market::length_of(interval) == 0;
}

}  // namespace

void CloseGate::add(const store::SeriesKey& series, UnixMillis last_close) {
  series_[key_of(series)].last = last_close;
  const UnixMillis instant = last_close == 0 ? 0 : (last_close + 1) / kStep * kStep - 1;
  done_ = std::max(done_, instant);
  for (auto& [key, state] : series_)  // a coin that ended long ago is not waited for
    state.trading = state.last > done_ - 2 * market::length_of(key.first);
}

CloseGate::Offered CloseGate::offer(LiveCandle candle) {
  const auto found = series_.find(key_of(candle.series));
  if (found == series_.end()) return Offered::kKnown;
  State& state = found->second;
  const UnixMillis close_time = candle.values.close_time;
  if (close_time <= state.last) return Offered::kKnown;
  if (close_time <= done_) return Offered::kLate;
  state.trading = true;
  state.waiting.insert_or_assign(close_time, std::move(candle));
  return Offered::kTaken;
}

bool CloseGate::trades(const store::SeriesKey& series) const {
  const auto found = series_.find(key_of(series));
  return found != series_.end() && found->second.trading;
}

std::vector<store::SeriesKey> CloseGate::overdue(UnixMillis now) const {
  std::vector<store::SeriesKey> series;
  const UnixMillis next = done_ + kStep;
  if (done_ == 0 || now <= next + grace_) return series;
  for (const auto& [key, state] : series_) {
    if (state.trading && closes_at(key.first, next) && !state.waiting.contains(next))
      series.push_back({key.second, key.first});
  }
  return series;
}

std::optional<DueClose> CloseGate::due(UnixMillis now, bool patient) {
  const UnixMillis next = done_ + kStep;
  if (done_ == 0 || now <= next) return std::nullopt;
  DueClose close{next, {}, {}};
  for (const auto& [key, state] : series_) {
    if (!closes_at(key.first, next) || !state.trading || state.waiting.contains(next)) continue;
    close.absent.push_back({key.second, key.first});
  }
  if (!close.absent.empty() && (patient || now <= next + 2 * grace_)) return std::nullopt;
  done_ = next;
  std::set<market::Interval> traded;
  for (const auto& [key, state] : series_) {
    if (state.waiting.contains(next)) traded.insert(key.first);
  }
  for (auto& [key, state] : series_) {
    if (!closes_at(key.first, next)) continue;
    if (auto candle = state.waiting.extract(next)) {
      close.candles.push_back(std::move(candle.mapped()));
      state.last = next;
    } else if (traded.contains(key.first)) {  // else the exchange stood still, and nobody stopped trading
      state.trading = !state.waiting.empty();
    }
  }
  return close;
}

}  // namespace mop::serve
