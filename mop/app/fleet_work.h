// Inside the fleet (fleet.h): what becomes of a training before and after its networks are trained.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mop/app/fleet.h"
#include "mop/base/progress.h"
#include "mop/dataset/markets.h"
#include "mop/train/epochs.h"
#include "mop/train/preparation.h"

namespace mop::app {

struct Fleet;

// Coins that are learnt together, and what has become of it so far.
struct Training {
  std::string name;                 // "15m of 25 coins", "BTCUSDT_15m"
  std::string file;                 // what its checkpoints begin with: "15m_together", "BTCUSDT_15m"
  std::vector<std::size_t> models;  // places in Fleet::outcomes
  std::once_flag prepared;
  std::optional<train::Pool> pool;  // while networks are being trained
  std::vector<train::TrainedNetwork> networks;
  std::atomic<std::size_t> unfinished;  // networks
  std::atomic<std::int64_t> micros{0};  // spent on it, over all threads
  std::mutex mutex;                     // of error
  std::optional<Error> error;
};

/// One network to be trained.
struct Unit {
  Training* training;
  std::size_t network;
  std::shared_ptr<std::size_t> percent;  // done of it

  /// Moves the fleet's progress on to this percentage of the unit.
  void reach(Fleet& fleet, std::size_t now) const;
};

struct Fleet {
  const Context& ctx;
  const StoredCandles& candles;
  const FleetOptions& options;
  dataset::Markets markets;
  std::vector<std::string> market_coins;
  UnixMillis market_from = INT64_MAX;
  std::vector<ModelOutcome> outcomes;
  std::vector<std::unique_ptr<Training>> trainings;
  Progress* progress = nullptr;
  std::atomic<std::size_t> percent_done{0};         // summed over all networks
  std::vector<train::Canary> market_canaries = {};  // of the profile

  void advance(std::size_t percent, std::string_view what) {
    progress->update(percent_done += percent, what);
  }
};

std::string model_path_of(const Fleet& fleet, const ModelOutcome& outcome);

/// Reads the candles and fits what the networks need; coins that cannot be learnt have failed. Errors: no
/// coin is left.
Result<void> prepare_training(Fleet& fleet, Training& training);

/// Keeps the training's first error.
void keep_error(Training& training, const Result<void>& result);

/// Logs epochs and moves the progress on.
train::EpochObserver epoch_observer(Fleet& fleet, const Unit& unit);

/// Where a network's state lies while it is trained.
std::string checkpoint_path(const Fleet& fleet, const Training& training, std::size_t network);

/// Judges every coin's model, names the champions and writes the files; or tells why there are none.
void end_training(Fleet& fleet, Training& training);

/// Trains what it can of these networks side by side on the device and ends their trainings; gives back the
/// networks of the others, which a CPU must train. With --device cuda there are none: those have failed.
std::vector<Unit> train_units_on(nn::cuda::Device& device, Fleet& fleet, const std::vector<Unit>& units);

}  // namespace mop::app
