// What a training's epochs are made of, whatever device runs them.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "mop/nn/adam.h"
#include "mop/train/preparation.h"
#include "mop/train/targets.h"

namespace mop::train {

struct EpochReport {
  std::size_t epoch, epochs;              // 1-based, at most
  double train_loss, val_loss, best_val;  // mean pinball over steps and levels, in units of sigma
  std::vector<double> member_val_losses;  // of val_loss, per coin of the pool; NaN: no candle there
};
using EpochObserver = std::function<void(const EpochReport&)>;

nn::AdamOptions adam_options(const Profile& profile);

/// How much of a training lies behind it before a step of an epoch (0-based), 0..1.
double progress_at(const Pool& pool, std::size_t epoch, std::size_t step, std::size_t steps);
/// Adam's rate at `progress` (0..1) through all epochs.
double learning_rate(const Profile& profile, double progress);

/// The fit parts of all members, cut and shuffled for one epoch (0-based) of a network.
std::vector<MemberChunk> fit_chunks(const Pool& pool, std::uint64_t network_seed, std::size_t epoch);

/// One member's validation block.
std::vector<MemberChunk> validation_chunks(const Pool& pool, std::size_t member);

/// Losses of the validation blocks.
struct Validation {
  double mean;
  std::vector<double> of_member;
};
Validation validation_of(const std::vector<LossSum>& members);

/// A network that starts anew. Nothing has been trained; it is the baseline.
TrainedNetwork untrained(std::vector<float> params, const Validation& baseline);

/// False when all epochs are done, none was better for as long as the profile has patience, or the last loss
/// was no number.
bool goes_on(const Pool& pool, const TrainedNetwork& net);

/// Counts an epoch and tells the observer; true when it is the best so far.
bool end_epoch(const Pool& pool, double train_loss, Validation validation, TrainedNetwork& net,
               const EpochObserver& observe);

/// Puts the weights that are kept in place: the best ones, their recurrent weights as bfloat16 values, for
/// forecasts read half the bytes then (docs/decisions/0011). Losses are those before the rounding.
void keep_best(const Pool& pool, std::vector<float> best, TrainedNetwork& net);

}  // namespace mop::train
