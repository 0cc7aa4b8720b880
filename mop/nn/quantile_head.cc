#include "mop/nn/quantile_head.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "mop/base/check.h"

namespace mop::nn {
namespace {

constexpr std::size_t kMaxLevels = 99;
constexpr double kLimit = 4.0;

struct Factor {  // exp(clamp(x)) and its derivative by x
  double value, slope;
};

Factor bounded_exp(float x) {
  const double t = 1.0 - 2.0 / (std::exp(static_cast<double>(x) * (2.0 / kLimit)) + 1.0);  // tanh(x / limit)
  const double value = std::exp(kLimit * t);
  return {value, value * (1.0 - t * t)};
}

bool ascending(std::span<const double> v) {
  return std::ranges::all_of(v, [](double x) { return std::isfinite(x); }) &&
         std::ranges::adjacent_find(v, [](double a, double b) { return !(a < b); }) == v.end();
}

std::string spaced(std::span<const double> values) {
  std::string text;
  for (const double v : values)
    text += fmt::format("{}{}", text.empty() ? "" : " ", v);
  return text;
}

// One forecast step: its base quantiles (K), raw outputs (K + 1) and what they bend the gaps by.
struct Step {
  std::span<const double> base;
  std::span<const float> raw;
  std::size_t median;
  Factor scale;
  std::array<Factor, kMaxLevels> stretch;  // of gap k, between quantiles k and k + 1

  double width(std::size_t k) const { return base[k + 1] - base[k]; }
};

Step make_step(const QuantileHead& head, std::size_t median, std::span<const float> raw, std::size_t h) {
  const std::size_t K = head.levels.size();
  Step step{std::span(head.base).subspan(h * K, K), raw.subspan(h * (K + 1), K + 1), median, {}, {}};
  step.scale = bounded_exp(step.raw[1]);
  for (std::size_t k = 0; k + 1 < K; ++k)
    step.stretch[k] = bounded_exp(step.raw[2 + k]);
  return step;
}

void step_quantiles(const Step& step, std::span<double> q) {
  // b + (b' - b) is not always b' in floating point, and an untrained model must be its baseline exactly.
  if (std::ranges::all_of(step.raw, [](float r) { return r == 0.0f; })) {
    std::ranges::copy(step.base, q.begin());
    return;
  }
  const auto gap = [&](std::size_t k) { return step.width(k) * step.stretch[k].value * step.scale.value; };
  q[step.median] = step.base[step.median] + static_cast<double>(step.raw[0]);
  for (std::size_t k = step.median; k + 1 < q.size(); ++k)
    q[k + 1] = q[k] + gap(k);
  for (std::size_t k = step.median; k-- > 0;)
    q[k] = q[k + 1] - gap(k);
}

// Gradient of sum(dq * q) by the step's raw outputs.
void step_gradient(const Step& step, std::span<const double> dq, std::span<float> draw) {
  double log_scale = 0.0;
  const auto chain = [&](std::size_t k, double by_gap) {
    const Factor stretch = step.stretch[k];
    log_scale += by_gap * step.width(k) * stretch.value * step.scale.slope;
    draw[2 + k] = static_cast<float>(by_gap * step.width(k) * stretch.slope * step.scale.value);
  };
  double above = 0.0, below = 0.0;  // a gap moves every quantile on its far side from the median
  for (std::size_t k = dq.size() - 1; k > step.median; --k) {
    above += dq[k];
    chain(k - 1, above);
  }
  for (std::size_t k = 0; k < step.median; ++k) {
    below += dq[k];
    chain(k, -below);
  }
  draw[0] = static_cast<float>(dq[step.median] + above + below);
  draw[1] = static_cast<float>(log_scale);
}

}  // namespace

std::size_t QuantileHead::median_index() const {
  const auto it = std::ranges::find(levels, 0.5);
  MOP_CHECK(it != levels.end()) << "no median among the levels";
  return static_cast<std::size_t>(it - levels.begin());
}

Result<void> QuantileHead::validate() const {
  if (levels.size() > kMaxLevels) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("quantile levels must be at most {}, were {}", kMaxLevels, levels.size()));
  }
  if (levels.empty() || !ascending(levels) || levels.front() <= 0.0 || levels.back() >= 1.0) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("quantile levels must ascend inside 0..1, were {}", spaced(levels)));
  }
  if (std::ranges::find(levels, 0.5) == levels.end()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("quantile levels must contain 0.5, were {}", spaced(levels)));
  }
  if (horizon == 0 || base.size() != horizon * levels.size()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("base quantiles must be horizon {} times {} levels, were {} values", horizon,
                            levels.size(), base.size()));
  }
  for (std::size_t h = 0; h < horizon; ++h) {
    const auto row = std::span(base).subspan(h * levels.size(), levels.size());
    if (!ascending(row)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("base quantiles of step {} must be finite and strictly ascending, were {}; the "
                              "targets they come from may be constant",
                              h + 1, spaced(row)));
    }
  }
  return {};
}

std::size_t raw_size(const QuantileHead& head) {
  return head.horizon * (head.levels.size() + 1);
}

void quantiles(const QuantileHead& head, std::span<const float> raw, std::span<double> q) {
  const std::size_t K = head.levels.size(), median = head.median_index();
  MOP_CHECK(raw.size() == raw_size(head) && q.size() == head.horizon * K) << raw.size() << ", " << q.size();
  for (std::size_t h = 0; h < head.horizon; ++h) {
    step_quantiles(make_step(head, median, raw, h), q.subspan(h * K, K));
  }
}

double pinball_loss_and_grad(const QuantileHead& head, std::span<const float> raw, std::span<const double> z,
                             double weight, std::span<float> draw) {
  const std::size_t K = head.levels.size(), median = head.median_index();
  MOP_CHECK(raw.size() == raw_size(head) && draw.size() == raw.size() && z.size() == head.horizon)
      << raw.size() << ", " << draw.size() << ", " << z.size();
  std::ranges::fill(draw, 0.0f);
  const auto present = std::ranges::count_if(z, [](double v) { return !std::isnan(v); });
  if (present == 0) return 0.0;
  const double share = weight / static_cast<double>(static_cast<std::size_t>(present) * K);
  std::array<double, kMaxLevels> q_space, dq_space;
  const auto q = std::span(q_space).first(K), dq = std::span(dq_space).first(K);
  double loss = 0.0;
  for (std::size_t h = 0; h < head.horizon; ++h) {
    if (std::isnan(z[h])) continue;
    const Step step = make_step(head, median, raw, h);
    step_quantiles(step, q);
    for (std::size_t k = 0; k < K; ++k) {
      const double slope = head.levels[k] - (z[h] < q[k] ? 1.0 : 0.0);
      loss += share * slope * (z[h] - q[k]);
      dq[k] = -share * slope;
    }
    step_gradient(step, dq, draw.subspan(h * (K + 1), K + 1));
  }
  return loss;
}

}  // namespace mop::nn
