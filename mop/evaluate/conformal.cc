#include "mop/evaluate/conformal.h"

#include <algorithm>
#include <cmath>

#include "mop/base/check.h"
#include "mop/evaluate/quantiles.h"

namespace mop::evaluate {

AdaptiveConformal::AdaptiveConformal(std::span<const double> levels, std::size_t horizon,
                                     train::Calibration state)
    : levels_(levels.begin(), levels.end()),
      horizon_(horizon),
      median_(level_index(levels, 0.5).value()),
      state_(std::move(state)),
      pending_(horizon) {
  if (state_.log_stretch.empty()) state_.log_stretch.assign(horizon * levels.size(), 0.0);
  MOP_CHECK(state_.log_stretch.size() == horizon * levels.size()) << state_.log_stretch.size();
}

void AdaptiveConformal::learn(const Pending& forecast) {
  for (std::size_t l = 0; l < levels_.size(); ++l) {
    if (l == median_) continue;
    const double share = l < median_ ? levels_[l] : 1.0 - levels_[l];
    const bool beyond = l < median_ ? forecast.z < forecast.quantiles[l] : forecast.z > forecast.quantiles[l];
    state_.log_stretch[forecast.step * levels_.size() + l] += kRate * ((beyond ? 1.0 : 0.0) - share);
  }
}

void AdaptiveConformal::stretch(std::size_t step, std::span<double> q) const {
  const auto by = std::span(state_.log_stretch).subspan(step * levels_.size(), levels_.size());
  const double median = q[median_];
  for (std::size_t l = 0; l < q.size(); ++l) {
    if (l != median_) q[l] = median + (q[l] - median) * std::exp(by[l]);
  }
  for (std::size_t l = median_ + 1; l < q.size(); ++l)  // factors of their own may not let levels cross
    q[l] = std::max(q[l], q[l - 1]);
  for (std::size_t l = median_; l-- > 0;)
    q[l] = std::min(q[l], q[l + 1]);
}

void AdaptiveConformal::run(const Outcomes& outcomes, Forecasts& forecasts) {
  const std::size_t L = levels_.size();
  const DurationMillis candle = market::length_of(outcomes.interval);
  for (std::size_t row = 0; row < outcomes.size(); ++row) {
    const UnixMillis now = outcomes.close_time[row];
    if (now <= state_.until) continue;
    state_.until = now;
    for (std::size_t step = 0; step < horizon_; ++step) {
      auto& waiting = pending_[step];
      for (; !waiting.empty() && waiting.front().closes <= now; waiting.pop_front())
        learn(waiting.front());
      const auto q = std::span(forecasts.z).subspan((row * horizon_ + step) * L, L);
      stretch(step, q);
      forecasts.p_up[row * horizon_ + step] = p_up_from_quantiles(levels_, q);
      const double z = scaled_target(outcomes, row, step);
      if (std::isnan(z)) continue;
      waiting.push_back(
          {now + static_cast<DurationMillis>(step + 1) * candle, step, z, {q.begin(), q.end()}});
    }
  }
}

}  // namespace mop::evaluate
