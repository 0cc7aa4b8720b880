// `mop train`: the fleet, one model per thread, longest first. Finished models are kept whatever happens.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/models.h"
#include "mop/app/series_text.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/base/progress.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/store/candle_store.h"
#include "mop/train/model_file.h"
#include "mop/train/trainer.h"

namespace mop::app {
namespace {

struct TrainOptions {
  std::string kinds = "15m,1h,unified", profile = "default", since, until, shard;
  std::optional<std::size_t> epochs;
  bool resume = false;
};

struct Job {
  market::Symbol symbol;
  train::Kind kind;
};

// One line of the result, in the fleet's order.
struct Outcome {
  std::string status = "not started";  // trained, kept, failed, interrupted
  std::string error;
  std::optional<train::TrainedModel> model;
  double seconds = 0.0;
};

struct Fleet {
  Context& ctx;
  store::CandleStore store;
  train::Profile profile;
  UnixMillis since = INT64_MIN, until = INT64_MAX;
  bool resume = false;
  std::vector<Job> jobs;
  std::vector<Outcome> outcomes;
};

Result<train::Profile> chosen_profile(const Context& ctx, const TrainOptions& opt) {
  train::Profile profile = opt.profile == "v1" ? ctx.settings.v1 : ctx.settings.standard;
  if (opt.epochs) {
    profile.epochs = *opt.epochs;
    profile.patience = std::min(profile.patience, profile.epochs);
  }
  return profile;
}

// "i/n": every n-th job from the i-th on, 1-based.
Result<void> keep_shard(const std::string& shard, std::vector<Job>& jobs) {
  if (shard.empty()) return {};
  std::size_t i = 0, n = 0;
  char rest = '\0';
  if (std::sscanf(shard.c_str(), "%zu/%zu%c", &i, &n, &rest) != 2 || i < 1 || i > n) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--shard must be i/n with 1 <= i <= n, e.g. 1/4, was '{}'", shard));
  }
  std::vector<Job> mine;
  for (std::size_t k = i - 1; k < jobs.size(); k += n)
    mine.push_back(jobs[k]);
  jobs = std::move(mine);
  return {};
}

Result<std::vector<Job>> list_jobs(const Context& ctx, const TrainOptions& opt) {
  MOP_TRY_ASSIGN(const auto symbols, ctx.symbols());
  MOP_TRY_ASSIGN(const auto kinds, parse_kinds(opt.kinds));
  std::vector<Job> jobs;  // the longest first, so that no thread waits for one at the end
  for (const train::Kind kind : {train::Kind::kUnified, train::Kind::k15m, train::Kind::k1h}) {
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) continue;
    for (const market::Symbol& symbol : symbols)
      jobs.push_back({symbol, kind});
  }
  MOP_TRY(keep_shard(opt.shard, jobs));
  return jobs;
}

// A stored model that the same job would make again: same data span, profile and seed.
bool is_finished(Fleet& fleet, const Job& job, const std::vector<market::CandleSeries>& series,
                 Outcome& outcome) {
  auto stored = train::load_model(fleet.ctx.fs, fleet.ctx.settings.models_dir, job.symbol.name, job.kind);
  if (!stored || stored->seed != fleet.ctx.settings.seed || stored->profile.name != fleet.profile.name ||
      stored->profile.epochs != fleet.profile.epochs || stored->profile.hidden != fleet.profile.hidden ||
      stored->profile.layers != fleet.profile.layers || stored->profile.horizon != fleet.profile.horizon) {
    return false;
  }
  UnixMillis newest = INT64_MIN;
  for (const auto& one : series)
    newest = std::max(newest, one.close_time(one.size() - 1));
  if (stored->trained_until != newest) return false;
  outcome.model = std::move(*stored);
  outcome.status = "kept";
  return true;
}

Result<void> train_one(Fleet& fleet, const Job& job, Outcome& outcome, Progress& progress) {
  const std::string id = train::model_id(job.symbol.name, job.kind);
  MOP_TRY_ASSIGN(auto series,
                 load_series(fleet.ctx, fleet.store, job.symbol.name, job.kind, fleet.since, fleet.until));
  if (fleet.resume && is_finished(fleet, job, series, outcome)) return {};
  train::TrainJob work{std::string(job.symbol.name), job.kind, fleet.profile, fleet.ctx.settings.seed,
                       series};
  MOP_TRY_ASSIGN(train::TrainedModel model, train::train_model(work, [&](const train::EpochReport& e) {
                   log_info(fmt::format("{} epoch {}/{} train_loss {:.6f} val_loss {:.6f} best {:.6f}", id,
                                        e.epoch, e.epochs, e.train_loss, e.val_loss, e.best_val));
                 }));
  for (const train::BranchModel& branch : model.branches) {
    for (const auto& skipped : branch.skipped)
      log_info(fmt::format("{}: skipped {}", id, skipped.reason));
    if (!branch.skipped.empty()) {
      progress.note(
          fmt::format("{}: {} inputs of {} are skipped, the history is too short (logs/training.log)", id,
                      branch.skipped.size(), branch.skipped.size() + branch.inputs.size()));
    }
  }
  MOP_TRY(evaluate::choose_champions(model, std::move(series), job.symbol.tick_size));
  MOP_TRY(fleet.ctx.fs.write_atomically(
      train::model_path(fleet.ctx.settings.models_dir, job.symbol.name, job.kind),
      train::to_model_file(model)));
  outcome.model = std::move(model);
  outcome.status = "trained";
  return {};
}

void run_jobs(Fleet& fleet) {
  fleet.outcomes.resize(fleet.jobs.size());
  Progress progress("training", fleet.jobs.size(), fleet.ctx.quiet());
  std::atomic<std::size_t> done{0};
  parallel_for(fleet.jobs.size(), thread_count(fleet.ctx), [&](std::size_t i) {
    if (interrupted()) return;
    const Job& job = fleet.jobs[i];
    Outcome& outcome = fleet.outcomes[i];
    const std::string id = train::model_id(job.symbol.name, job.kind);
    log_info(fmt::format("{} started", id));
    const std::int64_t start = monotonic_micros();
    if (auto trained = train_one(fleet, job, outcome, progress); !trained) {
      outcome.error = trained.error().message;
      outcome.status = trained.error().code == ErrorCode::kInterrupted ? "interrupted" : "failed";
      if (outcome.status == "failed") progress.note(fmt::format("{} failed: {}", id, outcome.error));
      log_warning(fmt::format("{} {}: {}", id, outcome.status, outcome.error));
    }
    outcome.seconds = static_cast<double>(monotonic_micros() - start) / 1e6;
    if (outcome.model) {
      log_info(fmt::format("{} {}: {} epochs, best val_loss {:.6f}, {:.1f} s", id, outcome.status,
                           outcome.model->epochs, outcome.model->best_val_loss, outcome.seconds));
    }
    progress.update(++done, id);
  });
}

boost::json::object outcome_json(const Fleet& fleet, const Job& job, const Outcome& outcome) {
  boost::json::object o{{"id", train::model_id(job.symbol.name, job.kind)},
                        {"path", train::model_path(fleet.ctx.settings.models_dir, job.symbol.name, job.kind)},
                        {"params", nullptr},
                        {"features", nullptr},
                        {"samples", nullptr},
                        {"epochs", nullptr},
                        {"train_loss", nullptr},
                        {"best_val_loss", nullptr},
                        {"seconds", outcome.seconds},
                        {"status", outcome.status}};
  if (!outcome.error.empty()) o["error"] = outcome.error;
  if (!outcome.model) return o;
  const train::TrainedModel& m = *outcome.model;
  std::size_t features = 0;
  boost::json::array champions, skipped;
  for (const train::BranchModel& b : m.branches) {
    features += b.inputs.size();
    champions.push_back(
        {{"timeframe", std::string(market::to_string(b.interval))}, {"champion", b.champion}});
    for (const auto& s : b.skipped)
      skipped.push_back({{"name", s.name}, {"reason", s.reason}});
  }
  o["params"] = m.params.size();
  o["features"] = features;
  o["samples"] = m.samples;
  o["epochs"] = m.epochs;
  o["train_loss"] = m.train_loss;
  o["best_val_loss"] = m.best_val_loss;
  o["champions"] = std::move(champions);
  o["skipped_features"] = std::move(skipped);
  return o;
}

// Gain of the model over EWMA on the validation block, one step ahead, per timeframe.
std::string gains(const train::TrainedModel& m) {
  std::string text;
  for (const train::BranchModel& b : m.branches) {
    text += fmt::format("{}{} {:+.2f} % ({})", text.empty() ? "" : ", ", market::to_string(b.interval),
                        100.0 * (1.0 - b.validation_pinball / b.validation_pinball_ewma), b.champion);
  }
  return text;
}

void print_table(const Fleet& fleet, double wall_s) {
  const Context& ctx = fleet.ctx;
  ctx.say(fmt::format("{:<18} {:>9} {:>8} {:>7} {:>9} {:>8} {:>7}  {}", "model", "params", "samples",
                      "epochs", "val loss", "seconds", "status", "validation skill vs EWMA (champion)"));
  for (std::size_t i = 0; i < fleet.jobs.size(); ++i) {
    const Outcome& o = fleet.outcomes[i];
    const std::string id = train::model_id(fleet.jobs[i].symbol.name, fleet.jobs[i].kind);
    if (!o.model) {
      ctx.say(fmt::format("{:<18} {}{}{}", id, o.status, o.error.empty() ? "" : ": ", o.error));
      continue;
    }
    ctx.say(fmt::format("{:<18} {:>9} {:>8} {:>7} {:>9.5f} {:>8.1f} {:>7}  {}", id, o.model->params.size(),
                        o.model->samples, o.model->epochs, o.model->best_val_loss, o.seconds, o.status,
                        gains(*o.model)));
  }
  ctx.say(fmt::format("{} models in {}; next: mop evaluate --split DATE, or mop predict BTCUSDT",
                      fleet.jobs.size(), format_duration(static_cast<DurationMillis>(wall_s * 1000))));
}

Exit exit_of(const Fleet& fleet) {
  const auto count = [&](std::string_view status) {
    return std::count_if(fleet.outcomes.begin(), fleet.outcomes.end(),
                         [&](const Outcome& o) { return o.status == status; });
  };
  if (interrupted()) return Exit::kInterrupted;
  const auto failed = count("failed");
  if (failed == 0) return Exit::kDone;
  return failed == static_cast<std::ptrdiff_t>(fleet.outcomes.size()) ? Exit::kFailed : Exit::kPartly;
}

Result<Exit> train_fleet(Context& ctx, const TrainOptions& opt) {
  MOP_TRY(check_device(ctx));
  Fleet fleet{ctx,       store::CandleStore(ctx.settings.data_dir, ctx.fs, ctx.clock),
              {},        INT64_MIN,
              INT64_MAX, opt.resume,
              {},        {}};
  MOP_TRY_ASSIGN(fleet.profile, chosen_profile(ctx, opt));
  MOP_TRY_ASSIGN(fleet.since, parse_bound(opt.since, INT64_MIN));
  MOP_TRY_ASSIGN(fleet.until, parse_bound(opt.until, INT64_MAX));
  MOP_TRY_ASSIGN(fleet.jobs, list_jobs(ctx, opt));
  mention_quarantine(ctx, fleet.store);
  const std::int64_t start = monotonic_micros();
  run_jobs(fleet);
  const double wall_s = static_cast<double>(monotonic_micros() - start) / 1e6;
  if (ctx.json()) {
    boost::json::array models;
    for (std::size_t i = 0; i < fleet.jobs.size(); ++i) {
      models.push_back(outcome_json(fleet, fleet.jobs[i], fleet.outcomes[i]));
    }
    ctx.print_json({{"device", "cpu"}, {"wall_s", wall_s}, {"models", std::move(models)}});
  } else {
    print_table(fleet, wall_s);
  }
  if (interrupted())
    ctx.warn("interrupted; finished models are kept, run the same command with --resume to go on");
  return exit_of(fleet);
}

}  // namespace

void add_train(CLI::App& cli, Context& ctx) {
  auto opt = std::make_shared<TrainOptions>();
  CLI::App* verb = cli.add_subcommand("train", "Train the fleet: three models per coin (15m, 1h, unified)");
  verb->footer(
      "Example: mop train --symbols BTCUSDT,ETHUSDT --until 2025-07-01\n"
      "Epoch lines go to logs/training.log. Ctrl-C keeps finished models; --resume goes on.");
  verb->add_option("--kinds", opt->kinds, "Models per coin")->capture_default_str();
  verb->add_option("--profile", opt->profile, "v1 (the original settings) or default (scores better)")
      ->check(CLI::IsMember({"v1", "default"}))
      ->capture_default_str();
  verb->add_option("--epochs", opt->epochs, "At most so many epochs")->check(CLI::Range(1, 100000));
  verb->add_option("--since", opt->since, "Use candles that close at this UTC date or later");
  verb->add_option("--until", opt->until,
                   "Use candles that close before this UTC date; nothing later is read");
  verb->add_option("--shard", opt->shard, "i/n: train the i-th of n shares of the fleet");
  verb->add_flag("--resume", opt->resume,
                 "Keep models that are already trained on the same data and settings");
  add_selectors(*verb, ctx);
  add_splice(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, opt] { return train_fleet(ctx, *opt); });
}

}  // namespace mop::app
