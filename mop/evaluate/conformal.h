// Keeps intervals at the coverage they state while the market changes: adaptive conformal inference (Gibbs
// and Candes, NeurIPS 2021; here one factor per step and level, on the distance from the median). The calmest
// and the wildest tenth of the candles have factors of their own, so that the others cannot hide what is
// wrong there.
#pragma once
#include <array>
#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "mop/base/time.h"
#include "mop/evaluate/forecasts.h"
#include "mop/train/model.h"

namespace mop::evaluate {

/// Adjusts the forecasts of one series in the order of time. When a forecast's candle closes, each of its
/// quantiles is stretched by the rate times (1 - the stated share) where the outcome lay beyond it, and
/// shrunk by the rate times the share where it did not. Which candles are calm or wild is told by running
/// estimates of the 10 % and 90 % quantiles of ln(sigma). A forecast at t uses outcomes that had closed by t,
/// no others.
class AdaptiveConformal {
 public:
  static constexpr std::size_t kGroups = train::Calibration::kGroups;
  /// Stretch per missed outcome, calm to wild. At the 5 % quantile 0.01 halves an error of scale in some 400
  /// candles, and costs less than 0.1 % of the pinball loss where nothing was wrong. Calm and wild candles
  /// are rare: greater ones.
  static constexpr std::array<double, kGroups> kRates{0.03, 0.01, 0.1};
  static constexpr double kTail = 0.05;
  /// A border at quantile p moves by this times p when a candle is above it and times p - 1 when below.
  static constexpr std::array<double, kGroups - 1> kBorders{0.1, 0.9};
  static constexpr double kBorderRate = 0.002;

  /// Starts from a state. REQUIRES: levels hold 0.5; the state is empty (as the model gives them) or (3,H,L).
  AdaptiveConformal(std::span<const double> levels, std::size_t horizon, train::Calibration state);

  /// Stretches the quantiles and P(up) of all rows of one series; `outcomes` say what became of them, as far
  /// as it is known: the rest is told by observe(). Rows up to state().until stay as they are. REQUIRES:
  /// validate(forecasts, outcomes), rows ascend in time, over all calls.
  void run(const Outcomes& outcomes, Forecasts& forecasts);

  /// A candle of the series has closed: what earlier rows forecast for it becomes known. Same bits as if
  /// run() had been told.
  void observe(UnixMillis close_time, double close);
  /// A candle is missing: what is not known by now never will be.
  void forget_unknown();

  /// What the outcomes seen so far have taught.
  const train::Calibration& state() const { return state_; }

 private:
  struct Pending {
    UnixMillis closes;  // when the outcome is known
    std::size_t step, group;
    double z;                       // NaN as long as it is not
    double close, sigma;            // of the candle it was made at
    std::vector<double> quantiles;  // as they were shown
  };
  void learn(const Pending& forecast);
  void stretch(std::size_t group, std::size_t step, std::span<double> quantiles) const;
  std::size_t group_of(double sigma);
  std::size_t place(std::size_t group, std::size_t step) const {
    return (group * horizon_ + step) * levels_.size();
  }

  std::vector<double> levels_;
  std::size_t horizon_, median_;
  train::Calibration state_;
  std::vector<std::deque<Pending>> pending_;  // per step, oldest first
};

}  // namespace mop::evaluate
