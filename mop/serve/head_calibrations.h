#pragma once
#include <utility>

#include "mop/evaluate/conformal.h"
#include "mop/train/model.h"

namespace mop::serve {

/// The calibration of a model's head and those of its baselines, which learn whoever is champion: any may
/// become it. A baseline's begins where the model's was left, with factors of one; which candles are calm or
/// wild is known from there, for sigma alone says it.
struct HeadCalibrations {
  explicit HeadCalibrations(const train::BranchModel& branch)
      : model(branch.head.levels, branch.head.horizon, branch.calibration),
        ewma(untaught(branch)),
        har(untaught(branch)) {}

  void observe(UnixMillis close_time, double close) {
    for (evaluate::AdaptiveConformal* each : {&model, &ewma, &har})
      each->observe(close_time, close);
  }
  void forget_unknown() {
    for (evaluate::AdaptiveConformal* each : {&model, &ewma, &har})
      each->forget_unknown();
  }

  evaluate::AdaptiveConformal model, ewma, har;

 private:
  static evaluate::AdaptiveConformal untaught(const train::BranchModel& branch) {
    train::Calibration state = branch.calibration;
    state.log_stretch.clear();
    return {branch.head.levels, branch.head.horizon, std::move(state)};
  }
};

}  // namespace mop::serve
