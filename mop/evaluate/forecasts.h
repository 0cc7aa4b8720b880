// What is scored: what was known and what then happened (Outcomes), and what was forecast (Forecasts).
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"
#include "mop/market/interval.h"

namespace mop::evaluate {

/// N scored candles t of one series: what was known at their close, and what happened after it. All matrices
/// are row-major. NaN in `y` and `next_log_range` marks a candle that is not there; such rows are left out
/// of the scores that need it, and counted.
struct Outcomes {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  double tick_size = 0.0;              // smallest price step, quote currency, > 0
  std::vector<UnixMillis> close_time;  // (N) of candle t, any order
  std::vector<double> close;           // (N) C[t], quote currency, > 0
  std::vector<double> sigma;           // (N) causal volatility of one candle's log return, > 0
  std::size_t horizon = 0;             // H, steps ahead
  std::vector<double> y;               // (N,H) ln(C[t+h] / C[t])
  std::vector<double> next_log_range;  // (N) ln(high / low) of candle t+1, or empty
  std::size_t har_terms = 0;           // K
  std::vector<double> har;  // (N,K) inputs of the HAR baseline known at t: ln realised volatilities, hour
  std::vector<double> last_return;  // (N) ln(C[t] / C[t-1]), or empty: then there is no reversal baseline

  std::size_t size() const { return close_time.size(); }
  double target(std::size_t row, std::size_t step) const { return y[row * horizon + step]; }
};

/// Forecasts for the same N candles: quantiles of the scaled target z = y / (sigma * sqrt(h)).
struct Forecasts {
  std::string name;               // "har", "pooled", "ensemble", ...: what becomes the champion's name
  std::size_t horizon = 0;        // H
  std::vector<double> levels;     // (L) ascending, each inside 0..1, with 0.5 among them
  std::vector<double> z;          // (N,H,L) ascending along L
  std::vector<double> p_up;       // (N,H) probability that y > 0, 0..1
  std::vector<double> log_range;  // (N) forecast ln(high / low) of candle t+1, > 0; empty when not forecast
  UnixMillis trained_until = 0;   // newest candle that was learnt from; 0 unknown: no scores by age

  /// The L quantiles of one candle and step (step 0 is one candle ahead).
  std::span<const double> quantiles(std::size_t row, std::size_t step) const {
    return std::span(z).subspan((row * horizon + step) * levels.size(), levels.size());
  }
};

/// z = y / (sigma * sqrt(step + 1)): the scaled target of one candle and step (step 0 is one ahead).
double scaled_target(const Outcomes& outcomes, std::size_t row, std::size_t step);

/// Every column has N rows, closes and sigmas are finite and > 0, HAR terms finite.
/// Errors: kInvalidArgument naming series, column and row.
Result<void> validate(const Outcomes& outcomes);

/// The shapes fit the outcomes, levels ascend and hold 0.5, quantiles are finite and ascend, P(up) is in
/// 0..1. A diverged model is refused here: rows a model cannot forecast are never dropped silently. Errors:
/// kInvalidArgument naming series, forecast, row and step.
Result<void> validate(const Forecasts& forecasts, const Outcomes& outcomes);

}  // namespace mop::evaluate
