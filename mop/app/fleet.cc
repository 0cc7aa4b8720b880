#include "mop/app/fleet.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "mop/app/canary_file.h"
#include "mop/app/checkpoint_file.h"
#include "mop/app/fleet_work.h"
#include "mop/app/models.h"
#include "mop/base/clock.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/train/model_file.h"
#include "mop/train/trainer.h"

namespace mop::app {
namespace {

// "i/n": every n-th training from the i-th on, 1-based.
Result<void> keep_shard(Fleet& fleet) {
  const std::string& shard = fleet.options.shard;
  if (shard.empty()) return {};
  std::size_t i = 0, n = 0;
  char rest = '\0';
  if (std::sscanf(shard.c_str(), "%zu/%zu%c", &i, &n, &rest) != 2 || i < 1 || i > n) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--shard must be i/n with 1 <= i <= n, e.g. 1/3, was '{}'", shard));
  }
  std::vector<std::unique_ptr<Training>> mine;
  std::vector<ModelOutcome> outcomes;
  for (std::size_t k = i - 1; k < fleet.trainings.size(); k += n) {
    for (std::size_t& place : fleet.trainings[k]->models) {
      outcomes.push_back(std::move(fleet.outcomes[place]));
      place = outcomes.size() - 1;
    }
    mine.push_back(std::move(fleet.trainings[k]));
  }
  fleet.trainings = std::move(mine);
  fleet.outcomes = std::move(outcomes);
  return {};
}

void add_training(Fleet& fleet, train::Kind kind, std::span<const market::Symbol> symbols) {
  auto training = std::make_unique<Training>();
  training->name = symbols.size() == 1
                       ? train::model_id(symbols[0].name, kind)
                       : fmt::format("{} of {} coins", train::to_string(kind), symbols.size());
  training->file = symbols.size() == 1 ? training->name : fmt::format("{}_together", train::to_string(kind));
  training->networks.resize(fleet.options.profile.ensemble);
  training->unfinished = fleet.options.profile.ensemble;
  for (const market::Symbol& symbol : symbols) {
    training->models.push_back(fleet.outcomes.size());
    fleet.outcomes.push_back({symbol, kind, "not started", "", std::nullopt, 0.0});
  }
  fleet.trainings.push_back(std::move(training));
}

// The longest first, so that no thread waits for one at the end.
void list_trainings(Fleet& fleet) {
  const FleetOptions& opt = fleet.options;
  for (const train::Kind kind : {train::Kind::kUnified, train::Kind::k15m, train::Kind::k1h}) {
    if (std::find(opt.kinds.begin(), opt.kinds.end(), kind) == opt.kinds.end()) continue;
    if (opt.profile.pooled) {
      add_training(fleet, kind, opt.symbols);
      continue;
    }
    for (const market::Symbol& symbol : opt.symbols)
      add_training(fleet, kind, std::span(&symbol, 1));
  }
}

// A stored model that the same training would make again: same candles, settings and seed.
bool is_kept(const Fleet& fleet, ModelOutcome& o) {
  auto stored = train::load_model(fleet.ctx.fs, fleet.options.models_dir, o.symbol.name, o.kind);
  const auto series = fleet.candles.of(o.symbol.name, o.kind);
  if (!stored || !series || stored->seed != fleet.options.seed || stored->profile != fleet.options.profile) {
    return false;
  }
  UnixMillis newest = INT64_MIN;
  for (const market::CandleSeries& s : fleet.candles.all()) {
    const bool read = std::find(stored->coins.begin(), stored->coins.end(), s.symbol) != stored->coins.end();
    const auto intervals = train::intervals_of(o.kind);
    if (read && std::find(intervals.begin(), intervals.end(), s.interval) != intervals.end())
      newest = std::max(newest, s.close_time(s.size() - 1));
  }
  if (stored->trained_until != newest) return false;
  o.model = std::move(*stored);
  o.status = "kept";
  return true;
}

// Trainings all of whose models are there already are done; the others start anew, together.
void keep_finished(Fleet& fleet) {
  std::erase_if(fleet.trainings, [&](const std::unique_ptr<Training>& training) {
    for (const std::size_t place : training->models) {
      if (is_kept(fleet, fleet.outcomes[place])) continue;
      for (const std::size_t other : training->models) {
        fleet.outcomes[other].model.reset();
        fleet.outcomes[other].status = "not started";
      }
      return false;
    }
    return true;
  });
}

// A training that is stopped leaves its networks' states behind.
Result<void> train_unit(Fleet& fleet, const Unit& unit) {
  Training& training = *unit.training;
  CheckpointFile checkpoint(fleet.ctx.fs, checkpoint_path(fleet, training, unit.network),
                            fleet.options.resume);
  auto trained =
      train::train_network(*training.pool, unit.network, epoch_observer(fleet, unit), checkpoint.store());
  if (!trained || training.networks.size() > 1) MOP_TRY(checkpoint.flush());
  MOP_TRY_ASSIGN(training.networks[unit.network], std::move(trained));
  unit.reach(fleet, 100);  // what an early stop spared
  return {};
}

// The thread that ended its last network ends the training.
void run_unit(Fleet& fleet, const Unit& unit) {
  Training& training = *unit.training;
  const std::int64_t start = monotonic_micros();
  std::call_once(training.prepared, [&] { keep_error(training, prepare_training(fleet, training)); });
  if (training.pool) keep_error(training, train_unit(fleet, unit));
  training.micros += monotonic_micros() - start;
  if (--training.unfinished == 0) end_training(fleet, training);
}

}  // namespace

train::Profile profile_of(const Settings& settings, std::string_view name,
                          std::optional<std::size_t> epochs) {
  train::Profile profile = name == "v1" ? settings.v1 : settings.standard;
  if (epochs) {
    profile.epochs = *epochs;
    profile.least_updates = 0;
    profile.patience = std::min(profile.patience, profile.epochs);
  }
  return profile;
}

Result<FleetOutcome> train_fleet(const Context& ctx, const StoredCandles& candles,
                                 const FleetOptions& options) {
  Fleet fleet{ctx, candles, options, dataset::Markets(candles.all()), candles.coins(), INT64_MAX, {}, {}};
  std::unique_ptr<nn::cuda::Device> own_device;
  if (options.device == nullptr) {
    MOP_TRY_ASSIGN(own_device, training_device(ctx));
  }
  nn::cuda::Device* const device = options.device == nullptr ? own_device.get() : options.device;
  for (const market::CandleSeries& s : candles.all())
    fleet.market_from = std::min(fleet.market_from, s.close_time(0));
  fleet.market_canaries = stored_canaries(ctx, ctx.settings.models_dir, options.profile);
  list_trainings(fleet);
  MOP_TRY(keep_shard(fleet));
  if (options.resume) keep_finished(fleet);
  std::vector<Unit> units;
  for (const auto& training : fleet.trainings) {
    for (std::size_t n = 0; n < training->networks.size(); ++n)
      units.push_back({training.get(), n, std::make_shared<std::size_t>(0)});
  }
  Progress progress("training", 100 * units.size(), ctx.quiet());
  fleet.progress = &progress;
  if (device != nullptr) units = train_units_on(*device, fleet, units);
  parallel_for(units.size(), thread_count(ctx), [&](std::size_t i) {
    if (!interrupted()) run_unit(fleet, units[i]);
  });
  return FleetOutcome{device == nullptr ? "cpu" : "cuda", std::move(fleet.outcomes)};
}

}  // namespace mop::app
