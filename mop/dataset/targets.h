// What is forecast (docs: science, section 2): at the close of candle t, for steps h = 1..H,
//   y(t,h) = ln(C[t+h] / C[t]),   z(t,h) = y(t,h) / (sigma_t * sqrt(h)),
// sigma_t the causal EWMA volatility of features/sigma.h.
#pragma once
#include <array>
#include <cstddef>

namespace mop::dataset {

/// Quantile levels of z that every forecast states, ascending; the middle one is the median.
inline constexpr std::array<double, 9> kQuantileLevels{0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975};
inline constexpr std::size_t kLevels = kQuantileLevels.size();
inline constexpr std::size_t kMedianLevel = 4;

/// Steps ahead of the `default` profile.
inline constexpr std::size_t kDefaultHorizon = 7;

}  // namespace mop::dataset
