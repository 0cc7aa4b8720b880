#pragma once
#include <utility>
#include <vector>

#include "mop/base/time.h"
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

/// One head of a hosted model.
struct Head {
  explicit Head(const train::BranchModel& branch) : calibrations(branch), done(branch.calibration.until) {}

  HeadCalibrations calibrations;
  UnixMillis done;        // close time of the newest row that was forecast
  UnixMillis taught = 0;  // candles that close by then are in the calibrations already
};

/// What all heads had learnt when everything up to an instant had been forecast.
struct Checkpoint {
  UnixMillis at = 0;
  std::vector<std::vector<Head>> heads;  // of each model
};

}  // namespace mop::serve
