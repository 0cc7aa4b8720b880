#include "mop/app/fleet.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>

#include <fmt/format.h>

#include "mop/app/canary_file.h"
#include "mop/app/checkpoint_file.h"
#include "mop/app/models.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/base/progress.h"
#include "mop/evaluate/canaries.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/train/model_file.h"
#include "mop/train/trainer.h"

namespace mop::app {
namespace {

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

struct Unit {
  Training* training;
  std::size_t network;
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

std::string model_path_of(const Fleet& fleet, const ModelOutcome& o) {
  return train::model_path(fleet.options.models_dir, o.symbol.name, o.kind);
}

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

void fail_model(const Fleet& fleet, ModelOutcome& o, const Error& error) {
  o.status = error.code == ErrorCode::kInterrupted ? "interrupted" : "failed";
  o.error = error.message;
  log_warning(fmt::format("{} {}: {}", train::model_id(o.symbol.name, o.kind), o.status, o.error));
  if (o.status == "failed")
    fleet.progress->note(fmt::format("{} failed: {}", train::model_id(o.symbol.name, o.kind), o.error));
}

// The job of all coins that have candles; the others have failed.
Result<train::TrainJob> job_of(Fleet& fleet, const Training& training) {
  train::TrainJob job;
  job.kind = fleet.outcomes[training.models[0]].kind;
  job.profile = fleet.options.profile;
  job.seed = fleet.options.seed;
  if (job.profile.pooled) {
    job.markets = &fleet.markets;
    job.market_coins = fleet.market_coins;
    job.market_from = fleet.market_from;
  }
  std::optional<Error> first;
  for (const std::size_t place : training.models) {
    ModelOutcome& o = fleet.outcomes[place];
    auto series = fleet.candles.of(o.symbol.name, o.kind);
    if (series) {
      job.coins.push_back({std::string(o.symbol.name), std::move(*series)});
      continue;
    }
    if (!first) first = series.error();
    if (training.models.size() > 1) fail_model(fleet, o, series.error());
  }
  if (job.coins.empty()) return fail(*first);
  return job;
}

void note_left_out(Fleet& fleet, Training& training) {
  for (const train::LeftOut& left : training.pool->left_out) {
    for (const std::size_t place : training.models) {
      ModelOutcome& o = fleet.outcomes[place];
      if (o.symbol.name == left.symbol) fail_model(fleet, o, left.error);
    }
  }
  for (const train::BranchModel& branch : training.pool->members[0].model.branches) {
    for (const auto& skipped : branch.skipped)
      log_info(fmt::format("{}: skipped {}", training.name, skipped.reason));
    if (!branch.skipped.empty()) {
      fleet.progress->note(
          fmt::format("{}: {} of {} inputs are skipped, the history is too short (logs/training.log)",
                      training.name, branch.skipped.size(), branch.skipped.size() + branch.inputs.size()));
    }
  }
}

Result<void> prepare_training(Fleet& fleet, Training& training) {
  MOP_TRY_ASSIGN(const train::TrainJob job, job_of(fleet, training));
  MOP_TRY_ASSIGN(training.pool, train::prepare(job));
  note_left_out(fleet, training);
  return {};
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

Result<void> finish_model(Fleet& fleet, train::TrainedModel& model, ModelOutcome& o) {
  MOP_TRY(fleet.ctx.fs.write_atomically(model_path_of(fleet, o), train::to_model_file(model)));
  o.model = std::move(model);
  o.status = "trained";
  return {};
}

void add_folds(const Fleet& fleet, train::TrainedModel& model) {
  for (const evaluate::PartScores& fold : fleet.options.folds) {
    for (const evaluate::SeriesScores& s : fold.series) {
      if (s.symbol != model.symbol || s.kind != train::to_string(model.kind)) continue;
      for (train::BranchModel& branch : model.branches) {
        if (branch.interval == s.interval)
          branch.folds.push_back({fold.from, fold.until, s.n, s.pinball, s.pinball_ewma, s.pinball_har});
      }
    }
  }
}

// What is known of a trained model before it is stored.
Result<void> judge(Fleet& fleet, train::TrainedModel& model, double tick_size) {
  MOP_TRY_ASSIGN(const auto series, fleet.candles.of(model.symbol, model.kind));
  const bool reads_market = !model.market_coins.empty();
  MOP_TRY(evaluate::score_validation(model, series, reads_market ? &fleet.markets : nullptr, tick_size));
  add_folds(fleet, model);
  const auto coins = reads_market ? fleet.candles.all() : std::span<const market::CandleSeries>();
  MOP_TRY_ASSIGN(model.certificate, evaluate::canaries_of(model, {series, coins}));
  model.certificate.insert(model.certificate.end(), fleet.market_canaries.begin(),
                           fleet.market_canaries.end());
  return {};
}

// Judges every coin's model, names the champions and writes the files.
void finish_training(Fleet& fleet, Training& training) {
  std::vector<train::TrainedModel> models = train::models_of(*training.pool, training.networks);
  training.pool.reset();  // the largest part of the memory
  std::vector<ModelOutcome*> outcomes;
  for (const train::TrainedModel& m : models) {
    for (const std::size_t place : training.models) {
      if (fleet.outcomes[place].symbol.name == m.symbol) outcomes.push_back(&fleet.outcomes[place]);
    }
  }
  parallel_for(models.size(), thread_count(fleet.ctx), [&](std::size_t i) {
    if (interrupted()) return fail_model(fleet, *outcomes[i], {ErrorCode::kInterrupted, "interrupted"});
    if (auto judged = judge(fleet, models[i], outcomes[i]->symbol.tick_size); !judged)
      fail_model(fleet, *outcomes[i], judged.error());
  });
  std::vector<train::TrainedModel*> scored;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (outcomes[i]->error.empty()) scored.push_back(&models[i]);
  }
  evaluate::name_champions(scored);
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (!outcomes[i]->error.empty()) continue;
    if (auto written = finish_model(fleet, models[i], *outcomes[i]); !written)
      fail_model(fleet, *outcomes[i], written.error());
  }
}

void fail_training(Fleet& fleet, const Training& training) {
  for (const std::size_t place : training.models) {
    if (fleet.outcomes[place].error.empty()) fail_model(fleet, fleet.outcomes[place], *training.error);
  }
}

std::string checkpoint_path(const Fleet& fleet, const Training& training, std::size_t network) {
  const std::string number = training.networks.size() == 1 ? "" : fmt::format(".{}", network + 1);
  return fmt::format("{}/{}{}.checkpoint", fleet.options.models_dir, training.file, number);
}

// A training that is stopped leaves its networks' states behind.
Result<void> train_unit(Fleet& fleet, const Unit& unit) {
  Training& training = *unit.training;
  CheckpointFile checkpoint(fleet.ctx.fs, checkpoint_path(fleet, training, unit.network),
                            fleet.options.resume);
  std::size_t percent = 0;
  const auto observe = [&](const train::EpochReport& e) {
    log_info(fmt::format("{} network {}/{} epoch {}/{} train_loss {:.6f} val_loss {:.6f} best {:.6f}",
                         training.name, unit.network + 1, training.networks.size(), e.epoch, e.epochs,
                         e.train_loss, e.val_loss, e.best_val));
    const std::size_t now = 100 * e.epoch / e.epochs;
    fleet.advance(now - percent, training.name);
    percent = now;
  };
  auto trained = train::train_network(*training.pool, unit.network, observe, checkpoint.store());
  if (!trained || training.networks.size() > 1) MOP_TRY(checkpoint.flush());
  MOP_TRY_ASSIGN(training.networks[unit.network], std::move(trained));
  fleet.advance(100 - percent, training.name);  // what an early stop spared
  return {};
}

// By the thread that ended its last network.
void end_training(Fleet& fleet, Training& training) {
  const std::int64_t start = monotonic_micros();
  training.error ? fail_training(fleet, training) : finish_training(fleet, training);
  const bool stored = std::all_of(training.models.begin(), training.models.end(), [&](std::size_t place) {
    return fleet.outcomes[place].status != "interrupted";
  });
  for (std::size_t n = 0; stored && n < training.networks.size(); ++n) {
    if (auto removed = fleet.ctx.fs.remove(checkpoint_path(fleet, training, n)); !removed)
      log_warning(removed.error().message);
  }
  training.micros += monotonic_micros() - start;
  const double share =
      static_cast<double>(training.micros) / 1e6 / static_cast<double>(training.models.size());
  for (const std::size_t place : training.models)
    fleet.outcomes[place].seconds = share;
  log_info(fmt::format("{} done: {:.1f} s a model", training.name, share));
}

void run_unit(Fleet& fleet, const Unit& unit) {
  Training& training = *unit.training;
  const std::int64_t start = monotonic_micros();
  const auto keep_error = [&](const Result<void>& result) {
    const std::lock_guard lock(training.mutex);
    if (!result && !training.error) training.error = result.error();
  };
  std::call_once(training.prepared, [&] {
    log_info(fmt::format("{} started", training.name));
    keep_error(prepare_training(fleet, training));
  });
  if (training.pool) keep_error(train_unit(fleet, unit));
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

Result<std::vector<ModelOutcome>> train_fleet(const Context& ctx, const StoredCandles& candles,
                                              const FleetOptions& options) {
  Fleet fleet{ctx, candles, options, dataset::Markets(candles.all()), candles.coins(), INT64_MAX, {}, {}};
  for (const market::CandleSeries& s : candles.all())
    fleet.market_from = std::min(fleet.market_from, s.close_time(0));
  fleet.market_canaries = stored_canaries(ctx, ctx.settings.models_dir, options.profile);
  list_trainings(fleet);
  MOP_TRY(keep_shard(fleet));
  if (options.resume) keep_finished(fleet);
  std::vector<Unit> units;
  for (const auto& training : fleet.trainings) {
    for (std::size_t n = 0; n < training->networks.size(); ++n)
      units.push_back({training.get(), n});
  }
  Progress progress("training", 100 * units.size(), ctx.quiet());
  fleet.progress = &progress;
  parallel_for(units.size(), thread_count(ctx), [&](std::size_t i) {
    if (!interrupted()) run_unit(fleet, units[i]);
  });
  return std::move(fleet.outcomes);
}

}  // namespace mop::app
