// Everything about a model that is fitted before its network: inputs, scalers, base quantiles, splits.
#pragma once
#include <memory>
#include <vector>

#include "mop/base/result.h"
#include "mop/dataset/sequences.h"
#include "mop/dataset/split.h"
#include "mop/train/model.h"
#include "mop/train/trainer.h"

namespace mop::train {

/// A job made ready: what is known about the data, and a model that still is its baseline.
struct Preparation {
  std::vector<std::unique_ptr<dataset::SeriesData>> data;  // one per branch; the builder borrows them
  std::unique_ptr<dataset::SequenceBuilder> builder;
  dataset::FitSplit split;
  TrainedModel model;  // params initialised, branches fitted on the fit part
};

/// Errors: kInvalidArgument when the history is too short.
Result<Preparation> prepare(const TrainJob& job);

/// The network's shape for these branches.
nn::NetShape shape_for(Kind kind, const std::vector<BranchModel>& branches, const Profile& profile);

}  // namespace mop::train
