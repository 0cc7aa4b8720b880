// `mop features BTCUSDT --timeframe 1h [--raw] [--out FILE]` and `mop features --list`.
#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/series_text.h"
#include "mop/features/model_inputs.h"
#include "mop/features/raw_features.h"
#include "mop/store/candle_store.h"

namespace mop::app {
namespace {

struct FeaturesOptions {
  std::string symbol, timeframe = "1h", out;
  bool raw = false, list = false;
};

boost::json::object info_json(const features::IndicatorInfo& info) {
  return {{"name", std::string(info.name)},
          {"group", std::string(info.group)},
          {"unit", std::string(info.unit)},
          {"warmup", info.warmup},
          {"stability", std::string(features::to_string(info.stability))},
          {"formula", std::string(info.formula)},
          {"source", std::string(info.source)}};
}

void list_features(const Context& ctx, market::Interval interval) {
  const auto raw = features::raw_features(), inputs = features::model_inputs(interval);
  if (ctx.json()) {
    boost::json::array raw_json, input_json;
    for (const auto& info : raw)
      raw_json.push_back(info_json(info));
    for (const auto& info : inputs)
      input_json.push_back(info_json(info));
    ctx.print_json({{"raw", std::move(raw_json)}, {"model_inputs", std::move(input_json)}});
    return;
  }
  const auto print = [&](std::string_view title, std::span<const features::IndicatorInfo> infos) {
    ctx.say(fmt::format("{} ({})\n{:<16} {:<11} {:>7}  {:<15} {:<30} {}", title, infos.size(), "name",
                        "group", "warm-up", "stability", "unit", "formula"));
    for (const auto& i : infos) {
      ctx.say(fmt::format("{:<16} {:<11} {:>7}  {:<15} {:<30} {}", i.name, i.group, i.warmup,
                          features::to_string(i.stability), i.unit, i.formula));
    }
  };
  print("Raw columns, mop features --raw", raw);
  ctx.say("");
  print(fmt::format("Model inputs at {}", market::to_string(interval)), inputs);
}

void append_rows(const market::CandleSeries& run, const features::FeatureMatrix& matrix, std::string& csv) {
  for (std::size_t t = 0; t < matrix.rows; ++t) {
    csv += fmt::format("{}", run.open_time[t]);
    for (std::size_t f = 0; f < matrix.names.size(); ++f) {
      const double x = matrix.column(f)[t];
      csv += std::isnan(x) ? "," : fmt::format(",{:.15g}", x);
    }
    csv += '\n';
  }
}

// Indicators restart after every hole, exactly as models see them.
Result<std::string> feature_csv(const market::CandleSeries& series, bool raw) {
  std::string csv;
  for (const market::Run run : market::contiguous_runs(series)) {
    const market::CandleSeries candles = series.slice(run.first, run.last);
    features::FeatureMatrix matrix;
    if (raw) {
      matrix = features::compute_raw_features(candles);
    } else {
      MOP_TRY_ASSIGN(matrix, features::compute_model_input_columns(candles));
    }
    if (csv.empty()) {
      csv = "open_time";
      for (const std::string& name : matrix.names)
        csv += "," + name;
      csv += '\n';
    }
    append_rows(candles, matrix, csv);
  }
  return csv;
}

Result<Exit> run_features(Context& ctx, const FeaturesOptions& opt) {
  MOP_TRY_ASSIGN(const market::Interval interval, market::parse_interval(opt.timeframe));
  if (opt.list) {
    list_features(ctx, interval);
    return Exit::kDone;
  }
  if (opt.symbol.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "features needs a coin, e.g. `mop features BTCUSDT --timeframe 1h`, "
                "or --list");
  }
  MOP_TRY_ASSIGN(const market::Symbol symbol, market::find_symbol(opt.symbol));
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  MOP_TRY_ASSIGN(const market::CandleSeries series, store.load(symbol.name, interval));
  mention_quarantine(ctx, store, symbol.name);
  MOP_TRY_ASSIGN(const std::string csv, feature_csv(series, opt.raw));
  if (opt.out.empty()) {
    std::fwrite(csv.data(), 1, csv.size(), stdout);
    return Exit::kDone;
  }
  MOP_TRY(ctx.fs.write_atomically(opt.out, csv));
  if (ctx.json()) {
    ctx.print_json({{"file", opt.out}, {"rows", series.size()}});
  } else {
    ctx.say(fmt::format("wrote {} rows of {} {} to {}", series.size(), symbol.name, opt.timeframe, opt.out));
  }
  return Exit::kDone;
}

}  // namespace

void add_features(CLI::App& cli, Context& ctx) {
  auto opt = std::make_shared<FeaturesOptions>();
  CLI::App* verb = cli.add_subcommand("features", "Print the feature matrix of one series as CSV");
  verb->footer(
      "Example: mop features BTCUSDT --timeframe 1h --raw --out btc.csv\n"
      "Cells are empty during an indicator's warm-up, which starts anew after every hole.");
  verb->add_option("symbol", opt->symbol, "Coin, e.g. BTCUSDT");
  verb->add_option("--timeframe", opt->timeframe, "15m or 1h")->capture_default_str();
  verb->add_option("--out", opt->out, "File to write [standard output]");
  verb->add_flag("--raw", opt->raw, "The 44 indicator columns in their own units, not the model's inputs");
  verb->add_flag("--list", opt->list, "Every feature: name, group, warm-up, stability, unit, formula");
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, opt] { return run_features(ctx, *opt); });
}

}  // namespace mop::app
