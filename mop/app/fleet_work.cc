#include "mop/app/fleet_work.h"

#include <algorithm>

#include <fmt/format.h>

#include "mop/app/models.h"
#include "mop/base/clock.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/evaluate/canaries.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/train/model_file.h"
#include "mop/train/trainer.h"

namespace mop::app {
namespace {

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

}  // namespace

std::string model_path_of(const Fleet& fleet, const ModelOutcome& o) {
  return train::model_path(fleet.options.models_dir, o.symbol.name, o.kind);
}

Result<void> prepare_training(Fleet& fleet, Training& training) {
  log_info(fmt::format("{} started", training.name));
  const std::int64_t start = monotonic_micros();
  MOP_TRY_ASSIGN(const train::TrainJob job, job_of(fleet, training));
  MOP_TRY_ASSIGN(training.pool, train::prepare(job, thread_count(fleet.ctx)));
  log_info(fmt::format("{} ready to train after {:.1f} s", training.name,
                       static_cast<double>(monotonic_micros() - start) / 1e6));
  note_left_out(fleet, training);
  return {};
}

void Unit::reach(Fleet& fleet, std::size_t now) const {
  fleet.advance(now - *percent, training->name);
  *percent = now;
}

void keep_error(Training& training, const Result<void>& result) {
  const std::lock_guard lock(training.mutex);
  if (!result && !training.error) training.error = result.error();
}

train::EpochObserver epoch_observer(Fleet& fleet, const Unit& unit) {
  return [&fleet, unit](const train::EpochReport& e) {
    Training& training = *unit.training;
    log_info(fmt::format("{} network {}/{} epoch {}/{} train_loss {:.6f} val_loss {:.6f} best {:.6f}",
                         training.name, unit.network + 1, training.networks.size(), e.epoch, e.epochs,
                         e.train_loss, e.val_loss, e.best_val));
    unit.reach(fleet, 100 * e.epoch / e.epochs);
  };
}

std::string checkpoint_path(const Fleet& fleet, const Training& training, std::size_t network) {
  const std::string number = training.networks.size() == 1 ? "" : fmt::format(".{}", network + 1);
  return fmt::format("{}/{}{}.checkpoint", fleet.options.models_dir, training.file, number);
}

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

}  // namespace mop::app
