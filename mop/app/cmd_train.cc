// `mop train`: the fleet. Finished models are kept whatever happens.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/fleet.h"
#include "mop/app/models.h"
#include "mop/app/search.h"
#include "mop/app/series_text.h"
#include "mop/app/stored_candles.h"
#include "mop/app/walk_forward.h"
#include "mop/base/interrupt.h"
#include "mop/store/candle_store.h"
#include "mop/train/model_file.h"

namespace mop::app {
namespace {

struct TrainOptions {
  std::string kinds = "15m,1h,unified", profile = "default", since, until, shard;
  std::size_t folds = 0;
  std::optional<std::size_t> epochs;
  bool resume = false, search = false;
};

boost::json::object outcome_json(const Context& ctx, const ModelOutcome& outcome) {
  boost::json::object o{
      {"id", train::model_id(outcome.symbol.name, outcome.kind)},
      {"path", train::model_path(ctx.settings.models_dir, outcome.symbol.name, outcome.kind)},
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
  o["params"] = m.networks[0].params.size();
  o["networks"] = m.networks.size();
  o["coins"] = m.coins.size();
  o["features"] = features;
  o["samples"] = m.samples;
  o["epochs"] = m.epochs();
  o["train_loss"] = m.train_loss();
  o["best_val_loss"] = m.best_val_loss();
  o["champions"] = std::move(champions);
  o["skipped_features"] = std::move(skipped);
  return o;
}

// Gain of the model over EWMA on blocks it had not learnt from, one step ahead, per timeframe.
std::string gains(const train::TrainedModel& m) {
  std::string text;
  for (const train::BranchModel& b : m.branches) {
    const train::BlockScore scores = b.all_blocks();
    const std::string gain = scores.n == 0
                                 ? std::string("not scored: no candle there")
                                 : fmt::format("{:+.2f} %", 100.0 * (1.0 - scores.pinball / scores.ewma));
    text += fmt::format("{}{} {} ({})", text.empty() ? "" : ", ", market::to_string(b.interval), gain,
                        b.champion);
  }
  return text;
}

void print_table(const Context& ctx, const std::vector<ModelOutcome>& outcomes, double wall_s) {
  ctx.say(fmt::format("{:<18} {:>11} {:>8} {:>7} {:>9} {:>8} {:>7}  {}", "model", "params", "samples",
                      "epochs", "val loss", "seconds", "status", "validation skill vs EWMA (champion)"));
  for (const ModelOutcome& o : outcomes) {
    const std::string id = train::model_id(o.symbol.name, o.kind);
    if (!o.model) {
      ctx.say(fmt::format("{:<18} {}{}{}", id, o.status, o.error.empty() ? "" : ": ", o.error));
      continue;
    }
    const train::TrainedModel& m = *o.model;
    ctx.say(fmt::format("{:<18} {:>11} {:>8} {:>7} {:>9.5f} {:>8.1f} {:>7}  {}", id,
                        fmt::format("{} x {}", m.networks.size(), m.networks[0].params.size()), m.samples,
                        m.epochs(), m.best_val_loss(), o.seconds, o.status, gains(m)));
  }
  const auto stored = std::count_if(outcomes.begin(), outcomes.end(),
                                    [](const ModelOutcome& o) { return o.status == "trained"; });
  ctx.say(fmt::format("{} of {} models trained in {}{}", stored, outcomes.size(),
                      format_duration(static_cast<DurationMillis>(wall_s * 1000)),
                      stored > 0 ? "; next: mop evaluate --split DATE, or mop predict BTCUSDT" : ""));
}

Exit exit_of(const std::vector<ModelOutcome>& outcomes) {
  if (interrupted()) return Exit::kInterrupted;
  const auto failed = static_cast<std::size_t>(std::count_if(
      outcomes.begin(), outcomes.end(), [](const ModelOutcome& o) { return o.status == "failed"; }));
  if (failed == 0) return Exit::kDone;
  return failed == outcomes.size() ? Exit::kFailed : Exit::kPartly;
}

// The months before the newest candle, each scored by models trained before it.
Result<std::vector<evaluate::PartScores>> score_folds(Context& ctx, UnixMillis since, UnixMillis end,
                                                      const FleetOptions& fleet, const TrainOptions& opt) {
  EvaluateOptions scored;
  scored.kinds = opt.kinds;
  MOP_TRY_ASSIGN(Evaluation evaluation,
                 walk_forward(ctx, scored, {opt.folds, 1, fleet.profile, since}, last_blocks(opt.folds, end),
                              fleet.models_dir + "/folds"));
  return std::move(evaluation.report.folds);
}

Result<Exit> run_search(Context& ctx, UnixMillis since, UnixMillis end, const FleetOptions& fleet,
                        const TrainOptions& opt) {
  MOP_TRY_ASSIGN(const auto found, search_profiles(ctx, opt.kinds, fleet.profile,
                                                   std::max<std::size_t>(opt.folds, 1), since, end));
  ctx.json() ? ctx.print_json(search_json(found)) : ctx.say(search_table(found, fleet.profile));
  return Exit::kDone;
}

Result<Exit> run_train(Context& ctx, const TrainOptions& opt) {
  FleetOptions fleet;
  MOP_TRY_ASSIGN(fleet.symbols, ctx.symbols());
  MOP_TRY_ASSIGN(fleet.kinds, parse_kinds(opt.kinds));
  fleet.profile = profile_of(ctx.settings, opt.profile, opt.epochs);
  fleet.seed = ctx.settings.seed;
  fleet.models_dir = ctx.settings.models_dir;
  fleet.shard = opt.shard;
  fleet.resume = opt.resume;
  MOP_TRY_ASSIGN(const UnixMillis since, parse_bound(opt.since, INT64_MIN));
  MOP_TRY_ASSIGN(const UnixMillis until, parse_bound(opt.until, INT64_MAX));
  const std::int64_t start = monotonic_micros();
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  mention_quarantine(ctx, store, {}, until);
  const auto candles = StoredCandles::read(ctx, store, since, until);
  if (opt.search) return run_search(ctx, since, candles.newest_end(), fleet, opt);
  if (opt.folds > 0) {
    MOP_TRY_ASSIGN(fleet.folds, score_folds(ctx, since, candles.newest_end(), fleet, opt));
  }
  MOP_TRY_ASSIGN(const FleetOutcome trained, train_fleet(ctx, candles, fleet));
  const std::vector<ModelOutcome>& outcomes = trained.models;
  const double wall_s = static_cast<double>(monotonic_micros() - start) / 1e6;
  if (ctx.json()) {
    boost::json::array models;
    for (const ModelOutcome& o : outcomes)
      models.push_back(outcome_json(ctx, o));
    ctx.print_json({{"device", trained.device}, {"wall_s", wall_s}, {"models", std::move(models)}});
  } else {
    print_table(ctx, outcomes, wall_s);
  }
  if (interrupted())
    ctx.warn("interrupted; what is trained is kept, run the same command with --resume to go on");
  return exit_of(outcomes);
}

}  // namespace

void add_train(CLI::App& cli, Context& ctx) {
  auto opt = std::make_shared<TrainOptions>();
  CLI::App* verb = cli.add_subcommand("train", "Train the fleet: three models per coin (15m, 1h, unified)");
  verb->footer(
      "Example: mop train --symbols BTCUSDT,ETHUSDT --until 2025-07-01\n"
      "Epoch lines go to logs/training.log. Ctrl-C keeps finished models and the state of unfinished ones;\n"
      "--resume goes on from there, to the same bytes.");
  verb->add_option("--kinds", opt->kinds, "Models per coin")->capture_default_str();
  verb->add_option("--profile", opt->profile, "v1 (the original settings) or default (scores better)")
      ->check(CLI::IsMember({"v1", "default"}))
      ->capture_default_str();
  verb->add_option("--epochs", opt->epochs, "At most so many epochs")->check(CLI::Range(1, 100000));
  verb->add_option("--since", opt->since, "Use candles that close at this UTC date or later");
  verb->add_option("--until", opt->until,
                   "Use candles that close before this UTC date; nothing later is read");
  verb->add_option("--shard", opt->shard, "i/n: train the i-th of n shares of the fleet");
  verb->add_option(
          "--folds", opt->folds,
          "Train before each of the last N blocks of 30 days first and score it: the scores go into\n"
          "the model files and choose the champions; costs N more trainings [0]")
      ->check(CLI::Range(0, 24));
  verb->add_flag("--search", opt->search,
                 "Store no model: try variations of the profile on the last --folds blocks [1] and show\n"
                 "which forecast best; an hour or more for all coins");
  verb->add_flag("--resume", opt->resume,
                 "Keep models already trained on the same data and settings, go on with unfinished ones");
  add_selectors(*verb, ctx);
  add_splice(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, opt] { return run_train(ctx, *opt); });
}

}  // namespace mop::app
