// Trains models side by side: what `mop train` does once and a walk-forward evaluation per fold.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mop/app/command.h"
#include "mop/app/stored_candles.h"
#include "mop/evaluate/report_data.h"
#include "mop/nn/cuda/device.h"
#include "mop/train/model.h"

namespace mop::app {

struct FleetOptions {
  std::vector<market::Symbol> symbols;
  std::vector<train::Kind> kinds;
  train::Profile profile;
  std::uint64_t seed = 1;
  std::string models_dir;
  std::string shard;                        // "" or "i/n": every n-th training from the i-th on, 1-based
  bool resume = false;                      // keep models that the same training would make again
  std::vector<evaluate::PartScores> folds;  // earlier blocks, for the champions; written into the models
  nn::cuda::Device* device = nullptr;       // to train on; null: what the settings say
};

/// The settings' profile of that name, "v1" or "default". `epochs`, when given, is what is trained, however
/// short the history.
train::Profile profile_of(const Settings& settings, std::string_view name, std::optional<std::size_t> epochs);

/// One model of the fleet, whatever became of it.
struct ModelOutcome {
  market::Symbol symbol;
  train::Kind kind = train::Kind::k1h;
  std::string status = "not started";  // trained, kept, failed, interrupted
  std::string error;
  std::optional<train::TrainedModel> model;
  double seconds = 0.0;  // its share of the time its training took on all threads
};

struct FleetOutcome {
  std::string device;  // "cpu", "cuda"
  std::vector<ModelOutcome> models;
};

/// Trains a model for each coin and kind on the candles given, scores it on its validation block, runs its
/// canaries and writes each file when its training is done, so that an interruption keeps the finished ones.
/// A pooled profile learns all coins of a kind together, its networks side by side; else every coin is a
/// training of its own. Longest first, one network per thread, or all at once on a GPU. Errors:
/// kInvalidArgument (the shard), kUnsupported (no GPU where one was asked for).
Result<FleetOutcome> train_fleet(const Context& ctx, const StoredCandles& candles,
                                 const FleetOptions& options);

}  // namespace mop::app
