// `mop evaluate --split 2025-07-01`: honest scores of the stored models, as table, JSON and a page.
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/evaluation.h"
#include "mop/app/fleet.h"
#include "mop/app/series_text.h"
#include "mop/app/walk_forward.h"
#include "mop/evaluate/report_html.h"
#include "mop/evaluate/report_json.h"
#include "mop/evaluate/report_table.h"

namespace mop::app {
namespace {

struct EvaluateFlags : EvaluateOptions {
  std::optional<std::size_t> folds;
  WalkForwardOptions walk;
  std::string profile = "default";
  std::optional<std::size_t> epochs;
};

Result<Exit> run_evaluate(Context& ctx, EvaluateFlags& opt) {
  opt.walk.folds = opt.folds.value_or(1);
  opt.walk.profile = profile_of(ctx.settings, opt.profile, opt.epochs);
  MOP_TRY_ASSIGN(const ScoredSpan span, span_of(opt));
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  mention_quarantine(ctx, store, {}, span.end);
  MOP_TRY_ASSIGN(const Evaluation result,
                 opt.folds ? walk_forward(ctx, opt, opt.walk, span, ctx.settings.models_dir + "/folds")
                           : evaluate_split(ctx, opt, span));
  if (!opt.report.empty()) {
    MOP_TRY(ctx.fs.write_atomically(opt.report, evaluate::report_html(result.report)));
  }
  if (!opt.forecasts.empty()) {
    MOP_TRY(ctx.fs.write_atomically(opt.forecasts, result.forecasts_csv));
  }
  for (const std::string& failure : result.failures)
    ctx.warn(failure);
  if (ctx.json()) {
    boost::json::value document = evaluate::report_json(result.report);
    if (!result.failures.empty()) document.as_object()["failures"] = boost::json::value_from(result.failures);
    ctx.print_json(document);
  } else {
    ctx.say(evaluate::report_table(result.report));
    if (!opt.report.empty()) ctx.say(fmt::format("report with plots: {}", opt.report));
  }
  return result.failures.empty() ? Exit::kDone : Exit::kPartly;
}

}  // namespace

void add_evaluate(CLI::App& cli, Context& ctx) {
  auto opt = std::make_shared<EvaluateFlags>();
  CLI::App* verb = cli.add_subcommand("evaluate", "Score models on candles they have never seen");
  verb->footer(
      "Example: mop train --until 2025-07-01 && mop evaluate --split 2025-07-01 --report report.html\n"
      "A model whose data reach past the split is refused: it has seen the answers.\n"
      "With --folds K models are trained as it goes: before each of K blocks of time, then scored on it.\n"
      "Example: mop evaluate --folds 4 --split 2025-03-01 --end 2025-07-01 --kinds 1h");
  verb->add_option("--split", opt->split, "Score candles from this UTC date on")->required();
  verb->add_option("--end", opt->end, "Score candles before this UTC date [all]");
  verb->add_option("--kinds", opt->kinds, "Models to score")->capture_default_str();
  auto* folds =
      verb->add_option("--folds", opt->folds, "Walk forward: train before each of K blocks, score on it")
          ->check(CLI::Range(1, 100));
  verb->add_option("--seeds", opt->walk.seeds, "With --folds: so many trainings, for mean and deviation [1]")
      ->check(CLI::Range(1, 100))
      ->needs(folds);
  verb->add_option("--profile", opt->profile, "With --folds: what is trained, v1 or default [default]")
      ->check(CLI::IsMember({"v1", "default"}))
      ->needs(folds);
  verb->add_option("--epochs", opt->epochs, "With --folds: at most so many epochs")
      ->check(CLI::Range(1, 100000))
      ->needs(folds);
  verb->add_option("--report", opt->report, "Write a self-contained HTML page with plots to this file");
  verb->add_option("--forecasts", opt->forecasts, "Write every scored forecast, in prices, to this CSV file");
  add_selectors(*verb, ctx);
  add_splice(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, opt] { return run_evaluate(ctx, *opt); });
}

}  // namespace mop::app
