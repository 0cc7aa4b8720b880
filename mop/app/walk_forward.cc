#include "mop/app/walk_forward.h"

#include <algorithm>

#include <fmt/format.h>

#include "mop/app/fleet.h"
#include "mop/app/models.h"
#include "mop/app/series_text.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/progress.h"

namespace mop::app {
namespace {

using Scores = std::vector<Result<ModelScore>>;

struct Walk {
  Context& ctx;
  store::CandleStore& store;
  const EvaluateOptions& options;
  FleetOptions fleet;
  std::vector<ScoredSpan> folds;
  std::string models_dir;
  UnixMillis since;
};

// Equal blocks that begin and end with a whole day where they are longer than one.
std::vector<ScoredSpan> blocks(ScoredSpan span, std::size_t count) {
  const DurationMillis length = span.end - span.split;
  const DurationMillis unit = length / static_cast<DurationMillis>(count) >= kDay ? kDay : kHour;
  std::vector<ScoredSpan> folds;
  UnixMillis begin = span.split;
  for (std::size_t k = 1; k <= count; ++k) {
    const UnixMillis at =
        span.split + length * static_cast<DurationMillis>(k) / static_cast<DurationMillis>(count);
    const UnixMillis end = k == count ? span.end : at - at % unit;
    folds.push_back({begin, end});
    begin = end;
  }
  return folds;
}

Result<Scores> run_fold(Walk& walk, std::size_t fold) {
  const ScoredSpan span = walk.folds[fold];
  const std::string what =
      fmt::format("fold {} of {}, seed {}: trained before {}, scored until {}", fold + 1, walk.folds.size(),
                  walk.fleet.seed, format_utc(span.split), format_utc(span.end));
  log_info(what);
  Progress(what, 1, walk.ctx.quiet()).note(what);
  walk.fleet.models_dir =
      fmt::format("{}/{}-seed{}", walk.models_dir, format_utc_date(span.split), walk.fleet.seed);
  {
    const auto known = StoredCandles::read(walk.ctx, walk.store, walk.since, span.split);
    MOP_TRY_ASSIGN(const FleetOutcome trained, train_fleet(walk.ctx, known, walk.fleet));
    if (interrupted()) {
      return fail(ErrorCode::kInterrupted, "evaluation was interrupted; the same command goes on from here");
    }
    for (const ModelOutcome& o : trained.models) {
      if (o.status == "failed") log_warning(fmt::format("{}: {}", o.symbol.name, o.error));
    }
  }
  const auto candles = StoredCandles::read(walk.ctx, walk.store, walk.since, span.end);
  return score_models(walk.ctx, walk.options, walk.fleet.models_dir, span, candles);
}

evaluate::PartScores part_of(const Evaluation& evaluation, ScoredSpan span, std::uint64_t seed) {
  return {span.split, span.end, seed, evaluation.report.pooled, evaluation.report.series};
}

// All folds of one seed.
Result<Evaluation> run_seed(Walk& walk) {
  Scores all;
  std::vector<evaluate::PartScores> parts;
  for (std::size_t fold = 0; fold < walk.folds.size(); ++fold) {
    MOP_TRY_ASSIGN(Scores scores, run_fold(walk, fold));
    MOP_TRY_ASSIGN(const Evaluation one, assemble(walk.ctx, walk.options, walk.folds[fold], scores));
    parts.push_back(part_of(one, walk.folds[fold], walk.fleet.seed));
    std::move(scores.begin(), scores.end(), std::back_inserter(all));
  }
  const ScoredSpan span{walk.folds.front().split, walk.folds.back().end};
  MOP_TRY_ASSIGN(Evaluation out, assemble(walk.ctx, walk.options, span, std::move(all)));
  out.report.protocol.mode = "walk-forward";
  out.report.protocol.folds = walk.folds.size();
  out.report.folds = std::move(parts);
  return out;
}

}  // namespace

ScoredSpan last_blocks(std::size_t blocks, UnixMillis end) {
  return {end - static_cast<DurationMillis>(blocks) * 30 * kDay, end};
}

Result<Evaluation> walk_forward(Context& ctx, const EvaluateOptions& options,
                                const WalkForwardOptions& walk_options, ScoredSpan span,
                                const std::string& models_dir) {
  const std::int64_t start = monotonic_micros();
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  span.end = std::min(span.end, StoredCandles::read(ctx, store).newest_end());
  if (span.end - span.split < static_cast<DurationMillis>(walk_options.folds) * kDay) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--folds {} needs at least {} days of candles behind {}, there are {:.1f}; "
                            "fetch newer candles, choose an earlier --split or fewer folds",
                            walk_options.folds, walk_options.folds, format_utc(span.split),
                            static_cast<double>(std::max<DurationMillis>(span.end - span.split, 0)) / kDay));
  }
  FleetOptions fleet;
  MOP_TRY_ASSIGN(fleet.symbols, ctx.symbols());
  MOP_TRY_ASSIGN(fleet.kinds, parse_kinds(options.kinds));
  fleet.profile = walk_options.profile;
  fleet.resume = true;
  Walk walk{ctx,
            store,
            options,
            std::move(fleet),
            blocks(span, walk_options.folds),
            models_dir,
            walk_options.since};
  std::optional<Evaluation> first;
  std::vector<evaluate::PartScores> seeds;
  for (std::size_t s = 0; s < walk_options.seeds; ++s) {
    walk.fleet.seed = ctx.settings.seed + s;
    MOP_TRY_ASSIGN(Evaluation one, run_seed(walk));
    seeds.push_back(part_of(one, span, walk.fleet.seed));
    if (!first) first = std::move(one);
  }
  if (seeds.size() > 1) first->report.seeds = std::move(seeds);
  first->report.wall_s = static_cast<double>(monotonic_micros() - start) / 1e6;
  return std::move(*first);
}

}  // namespace mop::app
