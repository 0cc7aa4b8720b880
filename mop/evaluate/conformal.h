// Keeps intervals at the coverage they state while the market changes: adaptive conformal inference (Gibbs
// and Candes, NeurIPS 2021; here one factor per step and level, on the distance from the median). The wildest
// tenth of the candles has factors of its own, so that calm ones cannot hide what is wrong there.
#pragma once
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
/// shrunk by the rate times the share where it did not. Which candles are wild is told by a running estimate
/// of the 90 % quantile of ln(sigma). A forecast at t uses outcomes that had closed by t, no others.
class AdaptiveConformal {
 public:
  /// Stretch per missed outcome. At the 5 % quantile 0.01 halves an error of scale in some 400 candles, and
  /// costs less than 0.1 % of the pinball loss where nothing was wrong. Wild candles are rare: a greater one.
  static constexpr double kRate = 0.01, kWildRate = 0.1, kTail = 0.05;
  /// Where the wildest tenth begins moves by this times 0.9 when a candle is above and times -0.1 when below.
  static constexpr double kWildQuantile = 0.9, kQuantileRate = 0.002;

  /// Starts from a state. REQUIRES: levels hold 0.5; the state is empty (as the model gives them) or (2,H,L).
  AdaptiveConformal(std::span<const double> levels, std::size_t horizon, train::Calibration state);

  /// Stretches the quantiles and P(up) of all rows of one series; `outcomes` say what became of them.
  /// Rows up to state().until stay as they are. REQUIRES: validate(forecasts, outcomes), rows ascend in time.
  void run(const Outcomes& outcomes, Forecasts& forecasts);

  /// What the outcomes seen so far have taught.
  const train::Calibration& state() const { return state_; }

 private:
  struct Pending {
    UnixMillis closes;  // when the outcome is known
    std::size_t step, group;
    double z;
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
