#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/market/candle_series.h"
#include "mop/train/checkpoint.h"
#include "mop/train/model.h"
#include "mop/train/profile.h"

namespace mop::train {

/// One model to be trained on the CPU.
struct TrainJob {
  std::string symbol;
  Kind kind = Kind::k1h;
  Profile profile;
  std::uint64_t seed = 1;
  std::vector<market::CandleSeries> series;  // one per intervals_of(kind), in that order; all of it is used
};

struct EpochReport {
  std::size_t epoch, epochs;              // 1-based, at most
  double train_loss, val_loss, best_val;  // mean pinball over steps and levels, in units of sigma
};
using EpochObserver = std::function<void(const EpochReport&)>;

/// Trains one model: inputs chosen by the history's length, scalers and base quantiles fitted on the fit part
/// alone, Adam with clipping, early stopping on the newest part, best weights kept. Starts from the EWMA
/// baseline, so a model that learns nothing still is that. Same job, same bytes. One thread.
/// A loss that turns NaN ends the training with the best weights so far.
/// With a store, the state is saved after every epoch and a later call for the same job goes on from it, to
/// the same bytes as one that was never stopped; a state that is damaged or of another job is not used.
/// Errors: kInvalidArgument (history too short), kInterrupted (Ctrl-C), the store's own.
Result<TrainedModel> train_model(const TrainJob& job, const EpochObserver& observe,
                                 const CheckpointStore& store = {});

}  // namespace mop::train
