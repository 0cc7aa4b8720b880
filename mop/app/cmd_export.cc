// `mop export BTCUSDT_1h --onnx FILE`: a trained network for other runtimes.
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/market/symbol.h"
#include "mop/nn/onnx.h"
#include "mop/nn/param_layout.h"
#include "mop/nn/safetensors.h"
#include "mop/train/model_file.h"

namespace mop::app {
namespace {

struct ExportOptions {
  std::string model, onnx;
};

struct ModelName {
  market::Symbol symbol;
  train::Kind kind = train::Kind::k1h;
};

Result<ModelName> parse_model_name(const std::string& text) {
  const std::size_t at = text.rfind('_');
  if (at == std::string::npos) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a model is named SYMBOL_KIND like BTCUSDT_1h, was {}", text));
  }
  ModelName name;
  MOP_TRY_ASSIGN(name.symbol, market::find_symbol(text.substr(0, at)));
  MOP_TRY_ASSIGN(name.kind, train::parse_kind(text.substr(at + 1)));
  return name;
}

boost::json::value summary_json(const train::TrainedModel& model, const std::string& path,
                                std::size_t bytes) {
  boost::json::array inputs;
  for (const nn::BranchShape& branch : model.shape.branches) {
    inputs.push_back(
        {{"name", branch.prefix}, {"lookback", model.profile.lookback}, {"features", branch.inputs}});
  }
  return {{"model", model.id()},
          {"path", path},
          {"bytes", bytes},
          {"inputs", std::move(inputs)},
          {"outputs", model.shape.outputs}};
}

Result<Exit> run_export(Context& ctx, const ExportOptions& opt) {
  MOP_TRY_ASSIGN(const ModelName name, parse_model_name(opt.model));
  const std::string& directory = ctx.settings.models_dir;
  MOP_TRY_ASSIGN(const train::TrainedModel model,
                 train::load_model(ctx.fs, directory, name.symbol.name, name.kind));
  const std::string source = train::model_path(directory, name.symbol.name, name.kind);
  MOP_TRY_ASSIGN(const std::string bytes, ctx.fs.read(source));
  MOP_TRY_ASSIGN(const nn::TensorFile file, nn::parse_safetensors(bytes, source));

  const std::vector<std::size_t> lookback(model.shape.branches.size(), model.profile.lookback);
  std::vector<std::span<const float>> networks;
  for (const train::TrainedNetwork& network : model.networks)
    networks.emplace_back(network.params);
  const std::string onnx = nn::to_onnx(nn::ParamLayout(model.shape), networks, lookback, file.metadata);
  MOP_TRY(ctx.fs.write_atomically(opt.onnx, onnx));
  if (ctx.json()) {
    ctx.print_json(summary_json(model, opt.onnx, onnx.size()));
  } else {
    ctx.say(fmt::format(
        "{}: {} ({} bytes), {} raw outputs; docs/formats/onnx_export.md says what goes in and out",
        model.id(), opt.onnx, onnx.size(), model.shape.outputs));
  }
  return Exit::kDone;
}

}  // namespace

void add_export(CLI::App& cli, Context& ctx) {
  auto opt = std::make_shared<ExportOptions>();
  CLI::App* verb = cli.add_subcommand("export", "Write a trained network as an ONNX model");
  verb->footer(
      "Example: mop export BTCUSDT_1h --onnx btc.onnx\n"
      "The model takes scaled windows and gives raw outputs; scalers and quantile levels are in its "
      "metadata.");
  verb->add_option("model", opt->model, "Model, e.g. BTCUSDT_1h or BTCUSDT_unified")->required();
  verb->add_option("--onnx", opt->onnx, "File to write")->required()->type_name("FILE");
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, opt] { return run_export(ctx, *opt); });
}

}  // namespace mop::app
