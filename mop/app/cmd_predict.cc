// `mop predict BTCUSDT --timeframe 1h --steps 7`: the newest candle's forecast, in prices.
#include <cmath>
#include <memory>
#include <mutex>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/models.h"
#include "mop/app/price_forecast.h"
#include "mop/app/series_text.h"
#include "mop/app/stored_candles.h"
#include "mop/base/json.h"
#include "mop/base/progress.h"
#include "mop/base/sha256.h"
#include "mop/evaluate/certificate.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/train/model_file.h"

namespace mop::app {
namespace {

struct PredictOptions {
  std::string symbol, timeframe = "1h", kind, as_of, dump;
  std::size_t steps = 0;  // 0 = all the model has
};

struct Prediction {
  market::Symbol symbol;
  train::TrainedModel model;
  std::string sha256;
  std::size_t head = 0;
  UnixMillis as_of = 0;  // close time of the candle it was made at
  double close = 0.0;
  std::vector<StepForecast> steps;
  double log_range = 0.0;
  std::int64_t inference_us = 0;

  const train::BranchModel& branch() const { return model.branches[head]; }
};

boost::json::value window_json(const train::TrainedModel& model, const train::Window& window) {
  boost::json::array branches;
  for (std::size_t b = 0; b < window.inputs.size(); ++b) {
    branches.push_back({{"prefix", model.shape.branches[b].prefix},
                        {"lookback", model.profile.lookback},
                        {"names", boost::json::value_from(model.branches[b].inputs)},
                        {"x", boost::json::value_from(window.inputs[b])}});
  }
  return {
      {"model", model.id()}, {"branches", std::move(branches)}, {"raw", boost::json::value_from(window.raw)}};
}

// The calibration goes through every candle since the training, which an old model has many of.
evaluate::Forecasts calibrated_forecast(const Context& ctx, const train::Forecaster& forecaster,
                                        const Prediction& p) {
  std::optional<Progress> progress;
  std::mutex mutex;
  const auto tell = [&](std::size_t done, std::size_t total) {
    const std::lock_guard lock(mutex);
    if (done == total && !progress) return;
    if (!progress) progress.emplace("calibrating", total, ctx.quiet());
    progress->update(done, "candles since the training");
  };
  return evaluate::live_forecasts(forecaster, p.head, p.symbol.tick_size, p.as_of + 1, INT64_MAX,
                                  {thread_count(ctx), tell})
      .forecasts;
}

Result<Prediction> predict(Context& ctx, const PredictOptions& opt) {
  Prediction p;
  MOP_TRY_ASSIGN(p.symbol, market::find_symbol(opt.symbol));
  MOP_TRY_ASSIGN(const market::Interval interval, market::parse_interval(opt.timeframe));
  MOP_TRY_ASSIGN(const train::Kind kind, train::parse_kind(opt.kind.empty() ? opt.timeframe : opt.kind));
  MOP_TRY_ASSIGN(const UnixMillis as_of, parse_bound(opt.as_of, INT64_MAX));
  MOP_TRY_ASSIGN(p.model, train::load_model(ctx.fs, ctx.settings.models_dir, p.symbol.name, kind));
  MOP_TRY_ASSIGN(const std::string bytes,
                 ctx.fs.read(train::model_path(ctx.settings.models_dir, p.symbol.name, kind)));
  p.sha256 = sha256_hex(bytes);
  if (opt.steps > p.model.horizon()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--steps must be 1..{} for model {} (its horizon), was {}", p.model.horizon(),
                            p.model.id(), opt.steps));
  }
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  mention_quarantine(ctx, store, p.symbol.name, as_of);
  const auto candles = StoredCandles::read(ctx, store, INT64_MIN, as_of);
  MOP_TRY_ASSIGN(const auto series, candles.of(p.symbol.name, kind));
  MOP_TRY_ASSIGN(const auto coins, market_coins_of(p.model, candles));
  const dataset::Markets markets(coins);
  MOP_TRY_ASSIGN(train::Forecaster forecaster, train::Forecaster::make(p.model, series, &markets));
  MOP_TRY_ASSIGN(p.head, forecaster.head_for(interval));
  const dataset::SeriesData& data = forecaster.series(p.head);
  const std::size_t row = data.rows() - 1;
  if (!forecaster.can_forecast(p.head, row)) {
    return fail(
        ErrorCode::kUnavailable,
        fmt::format("{} {}: the {} candles before {} have a hole or are too few for the indicators; run "
                    "`mop fetch --symbols {}`",
                    p.symbol.name, opt.timeframe, p.model.profile.lookback,
                    format_utc(data.close_time[row] + 1), p.symbol.name));
  }
  const std::int64_t start = monotonic_micros();
  forecaster.forecast(p.head, std::span(&row, 1));
  p.inference_us = monotonic_micros() - start;
  p.as_of = data.close_time[row];
  const evaluate::Forecasts made = calibrated_forecast(ctx, forecaster, p);
  p.close = data.close[row];
  p.steps = price_steps(data, row, made, 0);
  if (opt.steps > 0) p.steps.resize(opt.steps);
  p.log_range = made.log_range[0];
  if (!opt.dump.empty()) {
    MOP_TRY(ctx.fs.write_atomically(opt.dump,
                                    to_json_text(window_json(p.model, forecaster.window(p.head, row)))));
  }
  return p;
}

std::string better_baseline(const train::BranchModel& b) {
  const train::BlockScore scores = b.all_blocks();
  return scores.har < scores.ewma ? "har" : "ewma";
}

boost::json::value prediction_json(const Prediction& p, UnixMillis now) {
  boost::json::array steps;
  for (const StepForecast& s : p.steps)
    steps.push_back(step_json(s, p.branch().head.levels));
  const train::BranchModel& b = p.branch();
  return {{"symbol", std::string(p.symbol.name)},
          {"timeframe", std::string(market::to_string(b.interval))},
          {"as_of_close_time", p.as_of},
          {"close", p.close},
          {"champion", b.champion},
          {"model",
           {{"id", p.model.id()},
            {"trained_until", p.model.trained_until},
            {"age_s", (now - p.model.trained_until) / 1000},
            {"certified", evaluate::certificate_mark(p.model).empty()},
            {"certificate_mark", evaluate::certificate_mark(p.model)},
            {"sha256", p.sha256}}},
          {"steps", std::move(steps)},
          {"expected_log_range", p.log_range},
          {"baseline", {{"name", better_baseline(b)}, {"beats_model", b.champion != "model"}}},
          {"inference_us", p.inference_us}};
}

// Enough digits to show one tick.
int decimals_of(double tick) {
  int decimals = 0;
  for (double t = tick; t < 0.999 && decimals < 8; t *= 10.0)
    ++decimals;
  return decimals;
}

void print_prediction(const Context& ctx, const Prediction& p, UnixMillis now) {
  const train::BranchModel& b = p.branch();
  const int digits = decimals_of(p.symbol.tick_size);
  const auto price = [&](double x) { return fmt::format("{:>12.{}f}", x, digits); };
  ctx.say(fmt::format("{} {}  close {:.{}f} at {} UTC, forecast by {}", p.symbol.name,
                      market::to_string(b.interval), p.close, digits, format_utc(p.as_of + 1), p.model.id()));
  ctx.say(fmt::format("{:<17} {:>12} {:>12} {:>12} {:>12} {:>12} {:>7}", "closes (UTC)", "5 %", "25 %",
                      "median", "75 %", "95 %", "P(up)"));
  for (const StepForecast& s : p.steps) {
    ctx.say(fmt::format("{:<17} {} {} {} {} {} {:>5.1f} %", format_utc(s.close_time + 1),
                        price(s.quantiles[1]), price(s.quantiles[3]), price(s.quantiles[4]),
                        price(s.quantiles[5]), price(s.quantiles[7]), 100.0 * s.p_up));
  }
  ctx.say(fmt::format("the next candle's high should be about {:.2f} % above its low", 100.0 * p.log_range));
  const train::BlockScore scores = b.all_blocks();
  const std::string where = fmt::format("on {} candles it had not learnt from", with_commas(scores.n));
  if (b.champion == "model") {
    ctx.say(fmt::format("{} the model beat {} by {:.2f} % (pinball loss)", where, better_baseline(b),
                        100.0 * (1.0 - scores.pinball / std::min(scores.ewma, scores.har))));
  } else {
    ctx.say(fmt::format("note: {} the {} baseline was better than this model", where, b.champion));
  }
  if (const std::string mark = evaluate::certificate_mark(p.model); !mark.empty())
    ctx.say(fmt::format("{}; see `mop canaries`", mark));
  ctx.say(fmt::format("trained until {} UTC, {} ago", format_utc(p.model.trained_until + 1),
                      format_duration(now - p.model.trained_until)));
}

Result<Exit> run_predict(Context& ctx, const PredictOptions& opt) {
  MOP_TRY(check_device(ctx));
  MOP_TRY_ASSIGN(const Prediction p, predict(ctx, opt));
  const UnixMillis now = ctx.clock.now();
  if (ctx.json()) {
    ctx.print_json(prediction_json(p, now));
  } else {
    print_prediction(ctx, p, now);
  }
  return Exit::kDone;
}

}  // namespace

void add_predict(CLI::App& cli, Context& ctx) {
  auto opt = std::make_shared<PredictOptions>();
  CLI::App* verb = cli.add_subcommand("predict", "Forecast the next candles of one coin as price quantiles");
  verb->footer(
      "Example: mop predict BTCUSDT --timeframe 1h --steps 7\n"
      "The forecast is made at the newest stored candle; run `mop fetch` first for a current one.");
  verb->add_option("symbol", opt->symbol, "Coin, e.g. BTCUSDT")->required();
  verb->add_option("--timeframe", opt->timeframe, "15m or 1h")->capture_default_str();
  verb->add_option("--steps", opt->steps, "Candles ahead [all the model forecasts]")
      ->check(CLI::Range(1, 48));
  verb->add_option("--kind", opt->kind, "Model: 15m, 1h or unified [the timeframe's own]");
  verb->add_option("--as-of", opt->as_of, "Forecast as if it were this UTC time: later candles are not read");
  verb->add_option("--dump", opt->dump,
                   "Write the network's inputs and raw outputs to this JSON file, to check the\n"
                   "model elsewhere (tests/oracles/torch_model_file.py)");
  add_splice(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, opt] { return run_predict(ctx, *opt); });
}

}  // namespace mop::app
