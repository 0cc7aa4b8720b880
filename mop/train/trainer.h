#pragma once
#include <vector>

#include "mop/base/result.h"
#include "mop/train/checkpoint.h"
#include "mop/train/epochs.h"
#include "mop/train/preparation.h"

namespace mop::train {

/// Trains network `number` (0..profile.ensemble-1) of a pool: Adam with clipping over the fit parts of all
/// its coins, early stopping on their validation blocks together, best weights kept. Starts from the EWMA
/// baseline, so a network that learns nothing still is that. Same pool and number, same bytes. One thread;
/// networks of one pool may be trained side by side.
/// A loss that turns NaN ends the training with the best weights so far.
/// With a store, the state is saved after every epoch and a later call for the same training goes on from it,
/// to the same bytes as one that was never stopped; a state that is damaged or of another is not used.
/// Errors: kInterrupted (Ctrl-C), the store's own.
Result<TrainedNetwork> train_network(const Pool& pool, std::size_t number, const EpochObserver& observe,
                                     const CheckpointStore& store = {});

/// The pool's models, one per coin, around its networks in their order.
std::vector<TrainedModel> models_of(const Pool& pool, const std::vector<TrainedNetwork>& networks);

/// All of it, one network after the other. Errors: as prepare() and train_network().
Result<std::vector<TrainedModel>> train_models(const TrainJob& job, const EpochObserver& observe);

}  // namespace mop::train
