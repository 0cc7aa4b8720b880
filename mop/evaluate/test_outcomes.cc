#include "mop/evaluate/test_outcomes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "mop/base/rng.h"
#include "mop/evaluate/quantiles.h"

namespace mop::evaluate {
namespace {

constexpr std::array<double, 9> kLevels{0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975};
// Standard normal quantiles at kLevels.
constexpr std::array<double, 9> kNormal{
    -1.959963984540054, -1.6448536269514729, -1.2815515655446004, -0.6744897501960817, 0.0,
    0.6744897501960817, 1.2815515655446004,  1.6448536269514722,  1.959963984540054};
constexpr std::array<std::size_t, 4> kWindows{1, 4, 24, 96};
constexpr std::size_t kWarmup = 200;
constexpr UnixMillis kStart = 1735689600000;  // 2025-01-01

struct Path {
  std::vector<double> sigma, log_return, log_range, log_price;
};

double hour_angle(std::size_t t) {
  return 2.0 * std::numbers::pi * static_cast<double>(t % 24) / 24.0;
}

// One candle: eight Gaussian steps, so that the range says more about volatility than the return does.
void walk(Path& path, Rng& rng, double sigma) {
  double at = 0.0, low = 0.0, high = 0.0;
  for (int i = 0; i < 8; ++i) {
    at += sigma / std::sqrt(8.0) * rng.normal();
    low = std::min(low, at);
    high = std::max(high, at);
  }
  path.sigma.push_back(sigma);
  path.log_return.push_back(at);
  path.log_range.push_back(high - low);
  path.log_price.push_back((path.log_price.empty() ? std::log(100.0) : path.log_price.back()) + at);
}

Path simulate(std::uint64_t seed, std::size_t candles) {
  Rng rng(seed, 1);
  Path path;
  double slow = 0.0, fast = 0.0;
  for (std::size_t t = 0; t < candles; ++t) {
    slow = 0.998 * slow + 0.04 * rng.normal();
    fast = 0.9 * fast + 0.15 * rng.normal();
    walk(path, rng, 0.004 * std::exp(slow + fast + 0.3 * std::sin(hour_angle(t))));
  }
  return path;
}

double mean_range(const Path& path, std::size_t t, std::size_t window) {
  double sum = 0.0;
  for (std::size_t i = t + 1 - window; i <= t; ++i)
    sum += path.log_range[i];
  return sum / static_cast<double>(window);
}

void append_row(Outcomes& o, const Path& path, std::size_t t, std::size_t end, double sigma) {
  o.close_time.push_back(kStart + static_cast<UnixMillis>(t + 1) * kHour - 1);
  o.close.push_back(std::exp(path.log_price[t]));
  o.sigma.push_back(sigma);
  for (std::size_t h = 1; h <= o.horizon; ++h) {
    const bool known = t + h < end;
    o.y.push_back(known ? path.log_price[t + h] - path.log_price[t]
                        : std::numeric_limits<double>::quiet_NaN());
  }
  o.next_log_range.push_back(t + 1 < end ? path.log_range[t + 1] : std::numeric_limits<double>::quiet_NaN());
  for (const std::size_t window : kWindows)
    o.har.push_back(std::log(mean_range(path, t, window) / sigma));
  o.har.push_back(std::sin(hour_angle(t + 1)));
  o.har.push_back(std::cos(hour_angle(t + 1)));
  o.last_return.push_back(path.log_return[t]);
}

Outcomes empty_outcomes(std::size_t horizon) {
  Outcomes o;
  o.symbol = "TESTUSDT";
  o.tick_size = 1e-4;
  o.horizon = horizon;
  o.har_terms = kWindows.size() + 2;
  return o;
}

template <typename T>
std::vector<T> permuted_rows(const std::vector<T>& values, std::span<const std::size_t> order) {
  const std::size_t width = order.empty() ? 0 : values.size() / order.size();
  std::vector<T> result;
  for (const std::size_t row : order) {
    for (std::size_t i = 0; i < width; ++i)
      result.push_back(values[row * width + i]);
  }
  return result;
}

}  // namespace

std::span<const double> test_levels() {
  return kLevels;
}

TestMarket make_test_market(std::uint64_t seed, std::size_t fit_rows, std::size_t scored_rows,
                            std::size_t horizon) {
  const std::size_t split = kWarmup + fit_rows, end = split + scored_rows;
  const Path path = simulate(seed, end + 1);
  TestMarket market{empty_outcomes(horizon), empty_outcomes(horizon), {}};
  double variance = 0.004 * 0.004;
  for (std::size_t t = 0; t < end; ++t) {
    variance += 2.0 / 25.0 * (path.log_return[t] * path.log_return[t] - variance);
    if (t < kWarmup) continue;
    append_row(t < split ? market.fit : market.scored, path, t, t < split ? split : end, std::sqrt(variance));
    if (t >= split) market.true_sigma.push_back(path.sigma[t + 1]);
  }
  return market;
}

Forecasts oracle_forecasts(const TestMarket& market) {
  Forecasts f;
  f.name = "oracle";
  f.horizon = market.scored.horizon;
  f.levels.assign(kLevels.begin(), kLevels.end());
  for (std::size_t row = 0; row < market.scored.size(); ++row) {
    const double scale = market.true_sigma[row] / market.scored.sigma[row];
    for (std::size_t step = 0; step < f.horizon; ++step) {
      for (const double q : kNormal)
        f.z.push_back(scale * q);
      f.p_up.push_back(0.5);
    }
    f.log_range.push_back(1.4 * market.true_sigma[row]);
  }
  return f;
}

Outcomes permuted(const Outcomes& o, std::span<const std::size_t> order) {
  Outcomes result = o;
  result.close_time = permuted_rows(o.close_time, order);
  result.close = permuted_rows(o.close, order);
  result.sigma = permuted_rows(o.sigma, order);
  result.y = permuted_rows(o.y, order);
  result.next_log_range = permuted_rows(o.next_log_range, order);
  result.har = permuted_rows(o.har, order);
  result.last_return = permuted_rows(o.last_return, order);
  return result;
}

Forecasts permuted(const Forecasts& f, std::span<const std::size_t> order) {
  Forecasts result = f;
  result.z = permuted_rows(f.z, order);
  result.p_up = permuted_rows(f.p_up, order);
  result.log_range = permuted_rows(f.log_range, order);
  return result;
}

}  // namespace mop::evaluate
