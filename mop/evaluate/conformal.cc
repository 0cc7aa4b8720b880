#include "mop/evaluate/conformal.h"

#include <algorithm>
#include <cmath>

#include "mop/base/check.h"
#include "mop/evaluate/quantiles.h"

namespace mop::evaluate {
namespace {

constexpr double kFirstMargin = 0.3;  // of ln(sigma), from the first candle to where calm and wild begin

}  // namespace

AdaptiveConformal::AdaptiveConformal(std::span<const double> levels, std::size_t horizon,
                                     train::Calibration state)
    : levels_(levels.begin(), levels.end()),
      horizon_(horizon),
      median_(level_index(levels, 0.5).value()),
      state_(std::move(state)),
      pending_(horizon) {
  const std::size_t factors = train::Calibration::kGroups * horizon * levels.size();
  if (state_.log_stretch.empty()) state_.log_stretch.assign(factors, 0.0);
  MOP_CHECK(state_.log_stretch.size() == factors) << state_.log_stretch.size();
}

// Moves the borders by what this candle says about them.
std::size_t AdaptiveConformal::group_of(double sigma) {
  const double at = std::log(sigma);
  if (state_.until == 0) state_.borders = {at - kFirstMargin, at + kFirstMargin};
  std::size_t group = 0;
  for (std::size_t b = 0; b < kBorders.size(); ++b) {
    const bool above = at > state_.borders[b];
    if (above) group = b + 1;
    state_.borders[b] += kBorderRate * ((above ? 1.0 : 0.0) - (1.0 - kBorders[b]));
  }
  return group;
}

void AdaptiveConformal::learn(const Pending& forecast) {
  if (std::isnan(forecast.z)) return;
  for (std::size_t l = 0; l < levels_.size(); ++l) {
    if (l == median_) continue;
    const double share = l < median_ ? levels_[l] : 1.0 - levels_[l];
    const bool beyond = l < median_ ? forecast.z < forecast.quantiles[l] : forecast.z > forecast.quantiles[l];
    state_.log_stretch[place(forecast.group, forecast.step) + l] +=
        kRates[forecast.group] * std::min(1.0, kTail / share) * ((beyond ? 1.0 : 0.0) - share);
  }
}

void AdaptiveConformal::stretch(std::size_t group, std::size_t step, std::span<double> q) const {
  const auto by = std::span(state_.log_stretch).subspan(place(group, step), levels_.size());
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
    const std::size_t group = group_of(outcomes.sigma[row]);
    state_.until = now;
    for (std::size_t step = 0; step < horizon_; ++step) {
      auto& waiting = pending_[step];
      for (; !waiting.empty() && waiting.front().closes <= now; waiting.pop_front())
        learn(waiting.front());
      const auto q = std::span(forecasts.z).subspan((row * horizon_ + step) * L, L);
      stretch(group, step, q);
      forecasts.p_up[row * horizon_ + step] = p_up_from_quantiles(levels_, q);
      waiting.push_back({now + static_cast<DurationMillis>(step + 1) * candle,
                         step,
                         group,
                         scaled_target(outcomes, row, step),
                         outcomes.close[row],
                         outcomes.sigma[row],
                         {q.begin(), q.end()}});
    }
  }
}

void AdaptiveConformal::observe(UnixMillis close_time, double close) {
  for (auto& waiting : pending_) {
    for (Pending& p : waiting) {
      if (p.closes == close_time)
        p.z = std::log(close / p.close) / (p.sigma * std::sqrt(static_cast<double>(p.step + 1)));
    }
  }
}

void AdaptiveConformal::forget_unknown() {
  for (auto& waiting : pending_)
    std::erase_if(waiting, [](const Pending& p) { return std::isnan(p.z); });
}

}  // namespace mop::evaluate
