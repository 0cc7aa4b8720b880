#include "mop/app/evaluation.h"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "mop/app/models.h"
#include "mop/app/price_forecast.h"
#include "mop/app/series_text.h"
#include "mop/app/stored_candles.h"
#include "mop/base/build_info.h"
#include "mop/base/interrupt.h"
#include "mop/base/parallel.h"
#include "mop/base/progress.h"
#include "mop/evaluate/canaries.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/evaluate/pool.h"
#include "mop/train/model_file.h"

namespace mop::app {
namespace {

struct Span {
  UnixMillis split, end;
};

// Everything one model contributes.
struct ModelScore {
  std::vector<evaluate::ScoredSeries> heads;
  std::vector<evaluate::FanSample> samples;
  std::vector<evaluate::Canary> canaries;
  std::string forecasts_csv;
  evaluate::Protocol protocol;  // what this model's fit adds to the common one
};

struct Task {
  market::Symbol symbol;
  train::Kind kind;
};

Result<void> refuse_seen(const train::TrainedModel& model, UnixMillis split) {
  if (model.trained_until < split) return {};
  return fail(
      ErrorCode::kRefused,
      fmt::format("model {} has seen candles until {}, scoring it from {} would be looking ahead; train it "
                  "with --until {} or choose a later --split",
                  model.id(), format_utc(model.trained_until + 1), format_utc(split), format_utc(split)));
}

void append_forecasts(const train::TrainedModel& model, const dataset::SeriesData& data,
                      const std::vector<std::size_t>& rows, const evaluate::Forecasts& forecasts,
                      std::string& csv) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const StepForecast& s : price_steps(data, rows[i], forecasts, i)) {
      csv += fmt::format("{},{},{},{},{},{}", model.id(), market::to_string(data.interval),
                         data.close_time[rows[i]], data.close[rows[i]], s.step, s.close_time);
      for (const double q : s.quantiles)
        csv += fmt::format(",{}", q);
      csv += fmt::format(",{}\n", s.p_up);
    }
  }
}

Result<void> score_head(const Context& ctx, const Task& task, const EvaluateOptions& opt, Span span,
                        train::Forecaster& forecaster, std::size_t head, ModelScore& score) {
  const train::TrainedModel& model = forecaster.model();
  const dataset::SeriesData& data = forecaster.series(head);
  MOP_TRY_ASSIGN(const auto wanted, ctx.timeframes());
  if (std::find(wanted.begin(), wanted.end(), data.interval) == wanted.end()) return {};

  const auto fit_rows = data.rows_with_history(model.profile.lookback, span.split - 1);
  const evaluate::LiveForecasts live =
      evaluate::live_forecasts(forecaster, head, task.symbol.tick_size, span.split, span.end);
  if (live.rows.empty()) {
    return fail(
        ErrorCode::kNotFound,
        fmt::format("{} {}: no candle to score between {} and {}; fetch newer candles or choose an earlier "
                    "--split",
                    task.symbol.name, market::to_string(data.interval), format_utc(span.split),
                    span.end == INT64_MAX ? "now" : format_utc(span.end)));
  }
  const auto fit = evaluate::outcomes_of(data, fit_rows, task.symbol.tick_size, span.split);
  MOP_TRY_ASSIGN(const auto fitted, evaluate::fit_baselines(fit, live.forecasts.levels));
  MOP_TRY_ASSIGN(const auto baselines, evaluate::forecast_baselines(fitted, live.outcomes));
  const std::string kind(train::to_string(task.kind));
  MOP_TRY_ASSIGN(evaluate::ScoredSeries scored,
                 evaluate::score_series(live.outcomes, live.forecasts, baselines, kind));
  scored.scores.champion = model.branches[head].champion;
  score.heads.push_back(std::move(scored));
  score.samples.push_back(evaluate::sample_fans(live.outcomes, live.forecasts, kind));
  score.protocol.fit_from = data.close_time[fit_rows.front()];
  score.protocol.score_until = std::max(score.protocol.score_until, data.close_time[live.rows.back()] + 1);
  if (!opt.forecasts.empty()) append_forecasts(model, data, live.rows, live.forecasts, score.forecasts_csv);
  return {};
}

Result<ModelScore> score_model(const Context& ctx, const Task& task, const EvaluateOptions& opt, Span span,
                               const StoredCandles& candles) {
  if (interrupted()) return fail(ErrorCode::kInterrupted, "evaluation was interrupted");
  MOP_TRY_ASSIGN(train::TrainedModel model,
                 train::load_model(ctx.fs, ctx.settings.models_dir, task.symbol.name, task.kind));
  MOP_TRY(refuse_seen(model, span.split));
  MOP_TRY_ASSIGN(const auto series, candles.of(task.symbol.name, task.kind));
  MOP_TRY_ASSIGN(const auto coins, market_coins_of(model, candles));
  ModelScore score;
  MOP_TRY_ASSIGN(auto future, evaluate::future_invariance(model, {series, coins}));
  MOP_TRY_ASSIGN(auto fit_only, evaluate::fit_only_statistics(model, {series, coins}));
  MOP_TRY_ASSIGN(auto stream, evaluate::batch_equals_stream(model, {series, coins}));
  score.canaries = {std::move(future), std::move(fit_only), std::move(stream)};
  const dataset::Markets markets(coins);
  MOP_TRY_ASSIGN(train::Forecaster forecaster, train::Forecaster::make(std::move(model), series, &markets));
  for (std::size_t head = 0; head < forecaster.heads(); ++head) {
    MOP_TRY(score_head(ctx, task, opt, span, forecaster, head, score));
  }
  const train::TrainedModel& used = forecaster.model();
  score.protocol.fit_until = used.trained_until;
  score.protocol.horizon = used.horizon();
  score.protocol.embargo_candles = used.profile.lookback;
  score.protocol.profile = used.profile.name;
  score.protocol.seed = used.seed;
  score.protocol.levels = used.branches[0].head.levels;
  return score;
}

// The models that exist among those asked for.
Result<std::vector<Task>> list_tasks(const Context& ctx, const EvaluateOptions& opt) {
  MOP_TRY_ASSIGN(const auto symbols, ctx.symbols());
  MOP_TRY_ASSIGN(const auto kinds, parse_kinds(opt.kinds));
  std::vector<Task> tasks;
  for (const market::Symbol& symbol : symbols) {
    for (const train::Kind kind : kinds) {
      if (ctx.fs.exists(train::model_path(ctx.settings.models_dir, symbol.name, kind))) {
        tasks.push_back({symbol, kind});
      }
    }
  }
  if (!tasks.empty()) return tasks;
  return fail(
      ErrorCode::kNotFound,
      fmt::format("no model of {} ({}) in {}; run `mop train --symbols {} --until {}`", ctx.settings.symbols,
                  opt.kinds, ctx.settings.models_dir, ctx.settings.symbols, opt.split));
}

// Pools of one interval: the timeframe's own models, or the unified ones where there are no others.
std::vector<evaluate::ScoredSeries> pool_members(const std::vector<evaluate::ScoredSeries>& all,
                                                 market::Interval interval) {
  for (const std::string& kind : {std::string(market::to_string(interval)), std::string("unified")}) {
    std::vector<evaluate::ScoredSeries> members;
    for (const auto& s : all) {
      if (s.scores.interval == interval && s.scores.kind == kind) members.push_back(s);
    }
    if (!members.empty()) return members;
  }
  return {};
}

Result<void> assemble(std::vector<Result<ModelScore>>& scores, std::uint64_t seed, Evaluation& out) {
  std::vector<evaluate::ScoredSeries> all;
  std::vector<evaluate::Canary> canaries;
  evaluate::Protocol& protocol = out.report.protocol;
  std::optional<Error> first_error;
  protocol.fit_from = INT64_MAX;
  for (auto& score : scores) {
    if (!score) {
      if (!first_error) first_error = score.error();
      const std::string& message = score.error().message;  // a unified model may fail for the same reason
      if (std::find(out.failures.begin(), out.failures.end(), message) == out.failures.end()) {
        out.failures.push_back(message);
      }
      continue;
    }
    const evaluate::Protocol& own = score->protocol;
    protocol.fit_from = std::min(protocol.fit_from, own.fit_from);
    protocol.fit_until = std::max(protocol.fit_until, own.fit_until);
    protocol.score_until = std::max(protocol.score_until, own.score_until);
    protocol.horizon = std::max(protocol.horizon, own.horizon);
    protocol.purge_candles = protocol.horizon;
    protocol.embargo_candles = own.embargo_candles;
    protocol.profile = own.profile;
    protocol.seed = own.seed;
    protocol.levels = own.levels;
    std::move(score->heads.begin(), score->heads.end(), std::back_inserter(all));
    std::move(score->samples.begin(), score->samples.end(), std::back_inserter(out.report.samples));
    std::move(score->canaries.begin(), score->canaries.end(), std::back_inserter(canaries));
    out.forecasts_csv += score->forecasts_csv;
  }
  if (all.empty())
    return fail(first_error ? *first_error : Error{ErrorCode::kNotFound, "nothing was scored"});
  for (const market::Interval interval : market::kIntervals) {
    const auto members = pool_members(all, interval);
    if (members.empty()) continue;
    MOP_TRY_ASSIGN(auto pooled, evaluate::pool(members, {.seed = seed}));
    out.report.pooled.push_back(std::move(pooled));
  }
  for (auto& s : all)
    out.report.series.push_back(std::move(s.scores));
  out.report.canaries = evaluate::summarise(canaries);
  return {};
}

std::string csv_header(std::span<const double> levels) {
  std::string header = "model,timeframe,as_of_close_time,close,step,close_time";
  for (const double level : levels)
    header += fmt::format(",q{}", level);
  return header + ",p_up\n";
}

}  // namespace

Result<Evaluation> evaluate_split(Context& ctx, const EvaluateOptions& options) {
  const std::int64_t start = monotonic_micros();
  MOP_TRY_ASSIGN(const UnixMillis split, parse_utc(options.split));
  MOP_TRY_ASSIGN(const UnixMillis end, parse_bound(options.end, INT64_MAX));
  if (end <= split) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--end must be after --split {}, was {}", options.split, options.end));
  }
  MOP_TRY_ASSIGN(const auto tasks, list_tasks(ctx, options));
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  mention_quarantine(ctx, store);
  const auto candles = StoredCandles::read(ctx, store);
  std::vector<Result<ModelScore>> scores(tasks.size());
  {
    Progress progress("scoring", tasks.size(), ctx.quiet());
    std::atomic<std::size_t> done{0};
    parallel_for(tasks.size(), thread_count(ctx), [&](std::size_t i) {
      scores[i] = score_model(ctx, tasks[i], options, {split, end}, candles);
      progress.update(++done, train::model_id(tasks[i].symbol.name, tasks[i].kind));
    });
  }
  if (interrupted()) return fail(ErrorCode::kInterrupted, "evaluation was interrupted; run it again");

  Evaluation out;
  evaluate::Protocol& protocol = out.report.protocol;
  protocol.mode = "split";
  protocol.score_from = split;
  protocol.command = ctx.command;
  protocol.version = std::string(build_info().version);
  MOP_TRY(assemble(scores, ctx.settings.seed, out));
  if (!options.forecasts.empty()) out.forecasts_csv.insert(0, csv_header(protocol.levels));
  out.report.wall_s = static_cast<double>(monotonic_micros() - start) / 1e6;
  return out;
}

}  // namespace mop::app
