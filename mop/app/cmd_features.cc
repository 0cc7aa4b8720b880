// `mop features BTCUSDT --timeframe 1h [--raw] [--out FILE]` and `mop features --list`, `--certify`.
#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/series_text.h"
#include "mop/features/certificate.h"
#include "mop/features/indicators_page.h"
#include "mop/features/model_inputs.h"
#include "mop/features/raw_features.h"
#include "mop/store/candle_store.h"

namespace mop::app {
namespace {

struct FeaturesOptions {
  std::string symbol, timeframe = "1h", out;
  bool raw = false, list = false, markdown = false, certify = false;
};

boost::json::object info_json(const features::IndicatorInfo& info) {
  return {{"name", std::string(info.name)},
          {"group", std::string(info.group)},
          {"unit", std::string(info.unit)},
          {"warmup", info.warmup},
          {"minimum", info.min_candles()},
          {"stability", std::string(features::to_string(info.stability))},
          {"scale", std::string(features::to_string(info.scale()))},
          {"needs", std::string(features::to_string(info.input))},
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
    ctx.say(fmt::format("{} ({})\n{:<18} {:<11} {:>7} {:>7}  {:<15} {:<11} {:<15} {}", title, infos.size(),
                        "name", "group", "warm-up", "minimum", "stability", "scale", "unit", "formula"));
    for (const auto& i : infos) {
      ctx.say(fmt::format("{:<18} {:<11} {:>7} {:>7}  {:<15} {:<11} {:<15} {}", i.name, i.group, i.warmup,
                          i.min_candles() == 0 ? "never" : fmt::format("{}", i.min_candles()),
                          features::to_string(i.stability), features::to_string(i.scale()), i.unit,
                          i.formula));
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

Result<market::CandleSeries> load_series(Context& ctx, const std::string& name, market::Interval interval) {
  MOP_TRY_ASSIGN(const market::Symbol symbol, market::find_symbol(name));
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  mention_quarantine(ctx, store, symbol.name);
  return load_candles(ctx, store, symbol.name, interval);
}

// The longest stretch without a hole of the coin asked for, or the synthetic market.
Result<market::CandleSeries> run_to_certify(Context& ctx, const FeaturesOptions& opt,
                                            market::Interval interval) {
  if (opt.symbol.empty()) return features::certificate_market(interval);
  MOP_TRY_ASSIGN(const market::CandleSeries series, load_series(ctx, opt.symbol, interval));
  market::Run longest{0, 0};
  for (const market::Run run : market::contiguous_runs(series)) {
    if (run.size() > longest.size()) longest = run;
  }
  if (longest.size() <= features::kCertificateLengths.back()) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{} {}: a certificate needs a run of more than {} candles without a hole, the "
                    "longest has {}; fetch more history",
                    series.symbol, opt.timeframe, features::kCertificateLengths.back(), longest.size()));
  }
  return series.slice(longest.first, longest.last);
}

void print_certificate(const Context& ctx, const market::CandleSeries& run,
                       const std::vector<features::CertificateRow>& rows) {
  const auto text_of = [](double error) { return std::isnan(error) ? "-" : fmt::format("{:.1e}", error); };
  std::string text = fmt::format(
      "{} {}, {} candles: largest difference of each input to the one from the whole history, when computed\n"
      "from the last N candles only (inputs are of order one; - where the warm-up is longer)\n{:<18} {:<11}",
      run.symbol, market::to_string(run.interval), run.size(), "input", "stability");
  for (const std::size_t length : features::kCertificateLengths)
    text += fmt::format(" {:>8}", length);
  for (const features::CertificateRow& row : rows) {
    text += fmt::format("\n{:<18} {:<11}", row.name, features::to_string(row.stability));
    for (const double error : row.error)
      text += fmt::format(" {:>8}", text_of(error));
  }
  ctx.say(text);
}

Result<Exit> certify(Context& ctx, const FeaturesOptions& opt, market::Interval interval) {
  MOP_TRY_ASSIGN(const market::CandleSeries run, run_to_certify(ctx, opt, interval));
  const auto rows = features::certify_inputs(run, features::kCertificateLengths);
  if (!ctx.json()) {
    print_certificate(ctx, run, rows);
    return Exit::kDone;
  }
  boost::json::array lengths, inputs;
  for (const std::size_t length : features::kCertificateLengths)
    lengths.emplace_back(length);
  for (const features::CertificateRow& row : rows) {
    boost::json::array errors;
    for (const double error : row.error)
      errors.push_back(std::isnan(error) ? boost::json::value(nullptr) : boost::json::value(error));
    inputs.push_back({{"name", std::string(row.name)}, {"error", std::move(errors)}});
  }
  ctx.print_json({{"symbol", run.symbol},
                  {"timeframe", std::string(market::to_string(run.interval))},
                  {"candles", run.size()},
                  {"lengths", std::move(lengths)},
                  {"inputs", std::move(inputs)}});
  return Exit::kDone;
}

Result<Exit> run_features(Context& ctx, const FeaturesOptions& opt) {
  MOP_TRY_ASSIGN(const market::Interval interval, market::parse_interval(opt.timeframe));
  if (opt.certify) return certify(ctx, opt, interval);
  if (opt.list && opt.markdown) {
    const std::string page = features::indicators_page();
    std::fwrite(page.data(), 1, page.size(), stdout);
    return Exit::kDone;
  }
  if (opt.list) {
    list_features(ctx, interval);
    return Exit::kDone;
  }
  if (opt.symbol.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "features needs a coin, e.g. `mop features BTCUSDT --timeframe 1h`, "
                "or --list");
  }
  MOP_TRY_ASSIGN(const market::CandleSeries series, load_series(ctx, opt.symbol, interval));
  MOP_TRY_ASSIGN(const std::string csv, feature_csv(series, opt.raw));
  if (opt.out.empty()) {
    std::fwrite(csv.data(), 1, csv.size(), stdout);
    return Exit::kDone;
  }
  MOP_TRY(ctx.fs.write_atomically(opt.out, csv));
  if (ctx.json()) {
    ctx.print_json({{"file", opt.out}, {"rows", series.size()}});
  } else {
    ctx.say(
        fmt::format("wrote {} rows of {} {} to {}", series.size(), series.symbol, opt.timeframe, opt.out));
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
  verb->add_flag("--list", opt->list,
                 "Every feature: name, group, warm-up, minimum, stability, scale, unit, formula");
  verb->add_flag("--markdown", opt->markdown, "With --list: docs/indicators.md");
  verb->add_flag(
      "--certify", opt->certify,
      "Error of each model input against the length of its history, of a coin or a synthetic market");
  add_splice(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, opt] { return run_features(ctx, *opt); });
}

}  // namespace mop::app
