// A training between two epochs, so that one that was stopped goes on as if it had not been.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/nn/adam.h"
#include "mop/train/preparation.h"

namespace mop::train {

/// Where the state is kept; all may be empty. The caller removes it when the training has finished.
struct CheckpointStore {
  std::function<std::string()> load;                         // the bytes last saved, or none
  std::function<Result<void>(std::string_view bytes)> save;  // called after every epoch but the last
  // Whether a state is wanted now; empty: always. Asked only where handing one out costs more than an epoch.
  std::function<bool()> due = {};
};

/// All that changes from epoch to epoch. Everything else is a function of the job.
struct TrainingState {
  std::vector<float> params, best;  // now, and of the best epoch
  nn::AdamState adam;
  std::uint64_t updates = 0;  // dropout's counter
  std::size_t epochs = 0, best_epoch = 0;
  double train_loss = 0.0, best_val_loss = 0.0;
};

/// What a state belongs to: coins, kind, profile, seed, starting weights and everything fitted on the data.
std::string training_fingerprint(const Pool& pool, std::size_t number);

/// A safetensors file: params, best, adam.mean, adam.square, and the numbers exactly.
std::string to_checkpoint(const TrainingState& state, std::string_view fingerprint);

/// Errors: kCorrupt when the bytes are damaged or belong to another training.
Result<TrainingState> parse_checkpoint(std::string_view bytes, std::string_view fingerprint,
                                       std::size_t params);

}  // namespace mop::train
