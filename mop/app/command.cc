#include "mop/app/command.h"

#include <unistd.h>

#include <cstdio>
#include <exception>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/base/build_info.h"
#include "mop/base/interrupt.h"
#include "mop/base/json.h"
#include "mop/base/log.h"

namespace mop::app {
namespace {

constexpr const char* kDefaultConfig = "mop.toml";

Exit exit_for(ErrorCode code) {
  if (code == ErrorCode::kInvalidArgument) return Exit::kUsage;
  if (code == ErrorCode::kInterrupted) return Exit::kInterrupted;
  return Exit::kFailed;
}

void print_error(const Context& ctx, const Error& error) {
  if (ctx.json()) {
    ctx.print_json({{"error", {{"code", std::string(to_string(error.code))}, {"message", error.message}}}});
  } else {
    fmt::print(stderr, "mop: {}\n", error.message);
  }
  log_error(error.message);
}

Result<Exit> run_action(Context& ctx, const std::string& verb, const std::function<Result<Exit>()>& work) {
  MOP_TRY_ASSIGN(ctx.settings, load_settings(ctx));
  const std::string log = fmt::format("logs/{}.log", verb == "train" ? "training" : verb);
  if (auto opened = log_to_file(log); !opened) ctx.warn(opened.error().message + "; going on without a log");
  log_info(ctx.command);
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kUnavailable, "out of memory; select fewer symbols or a smaller --threads");
  } catch (const std::exception& error) {
    return fail(ErrorCode::kUnavailable, fmt::format("unexpected failure in a library: {}", error.what()));
  }
}

// CLI11's own texts say what is wrong; the remedy is the verb's help.
int usage_error(const Context& ctx, const CLI::App& cli, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return cli.exit(error);  // --help, --version
  std::string verb;
  for (const CLI::App* sub : cli.get_subcommands())
    verb = " " + sub->get_name();
  const std::string message = fmt::format("{}; see `mop{} --help`", error.what(), verb);
  print_error(ctx, {ErrorCode::kInvalidArgument, message});
  return static_cast<int>(Exit::kUsage);
}

std::string version_text() {
  const BuildInfo info = build_info();
  return fmt::format("mop {} ({})\n{}\nCUDA: {}", info.version, info.commit, info.flags,
                     info.cuda ? "built in" : "not built in");
}

}  // namespace

Result<Settings> load_settings(Context& ctx) {
  const std::string path = ctx.flags.config.value_or(kDefaultConfig);
  Settings settings;
  if (ctx.flags.config || ctx.fs.exists(path)) {
    MOP_TRY_ASSIGN(const std::string text, ctx.fs.read(path));
    MOP_TRY_ASSIGN(settings, parse_settings(text, path));
  }
  const CommonFlags& f = ctx.flags;
  if (f.symbols) settings.symbols = *f.symbols;
  if (f.timeframes) settings.timeframes = *f.timeframes;
  if (f.data_dir) settings.data_dir = *f.data_dir;
  if (f.models_dir) settings.models_dir = *f.models_dir;
  if (f.threads) settings.threads = *f.threads;
  if (f.seed) settings.seed = *f.seed;
  if (f.device) settings.device = *f.device;
  if (f.vram) settings.vram_gib = *f.vram;
  return settings;
}

Result<std::vector<market::Symbol>> Context::symbols() const {
  return market::parse_symbols(settings.symbols);
}

Result<std::vector<market::Interval>> Context::timeframes() const {
  std::vector<market::Interval> intervals;
  for (const std::string& part : CLI::detail::split(settings.timeframes, ',')) {
    MOP_TRY_ASSIGN(const market::Interval interval, market::parse_interval(part));
    if (std::find(intervals.begin(), intervals.end(), interval) == intervals.end())
      intervals.push_back(interval);
  }
  return intervals;
}

void Context::say(std::string_view line) const {
  if (flags.json || flags.quiet) return;
  fmt::print("{}\n", line);
  std::fflush(stdout);  // who reads a pipe should not wait until the program ends
}

void Context::warn(std::string_view line) const {
  fmt::print(stderr, "mop: {}\n", line);
  log_warning(line);
}

void Context::print_json(const boost::json::value& document) const {
  fmt::print("{}\n", to_json_text(document));
}

void add_symbols(CLI::App& verb, Context& ctx) {
  verb.add_option(
          "--symbols", ctx.flags.symbols,
          "Coins: BTCUSDT,ETHUSDT | all | @major | @layer1 | @layer1-other | @layer2-new | @meme-utility")
      ->type_name("LIST");
}

void add_selectors(CLI::App& verb, Context& ctx) {
  add_symbols(verb, ctx);
  verb.add_option("--timeframes", ctx.flags.timeframes, "15m,1h")->type_name("LIST");
}

void add_splice(CLI::App& verb, Context& ctx) {
  verb.add_flag(
      "--splice-renamed", ctx.flags.splice_renamed,
      "A renamed coin goes on with its successor's candles: MATICUSDT with POLUSDT's, 1:1, the hole between "
      "them kept");
}

void add_common(CLI::App& verb, Context& ctx) {
  CommonFlags& f = ctx.flags;
  verb.add_option("--data-dir", f.data_dir, "Where candles are stored [data/raw]")->type_name("DIR");
  verb.add_option("--models-dir", f.models_dir, "Where models are stored [models]")->type_name("DIR");
  verb.add_option("--config", f.config, "Settings file [mop.toml when it is there]")->type_name("FILE");
  verb.add_option("--threads", f.threads, "Threads to use [every core]")->check(CLI::Range(1, 1024));
  verb.add_option("--seed", f.seed, "Seed of everything random [1]");
  verb.add_option("--device", f.device, "Where models are trained: auto, cpu or cuda [auto]")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  verb.add_option("--vram", f.vram, "GPU memory that training may take, in GiB [nine tenths of what is free]")
      ->check(CLI::Range(0.1, 1e6));
  verb.add_flag("--json", f.json, "One JSON document on stdout and nothing else there");
  verb.add_flag("--quiet", f.quiet, "No progress, no chatter");
  verb.add_flag("--offline", f.offline, "Never open a network connection");
}

void set_action(CLI::App& verb, Context& ctx, std::function<Result<Exit>()> work) {
  verb.callback([name = verb.get_name(), &ctx, work = std::move(work)] {
    const Result<Exit> outcome = run_action(ctx, name, work);
    if (!outcome) print_error(ctx, outcome.error());
    ctx.exit_code = static_cast<int>(outcome ? *outcome : exit_for(outcome.error().code));
  });
}

int run(int argc, const char* const* argv, Fs& fs, Clock& clock) {
  install_interrupt_handlers();
  Context ctx{fs, clock, {}, {}, {}, 0};
  for (int i = 0; i < argc; ++i)
    ctx.command += fmt::format("{}{}", i == 0 ? "" : " ", i == 0 ? "mop" : argv[i]);

  CLI::App cli(
      "MOP forecasts cryptocurrency prices as distributions and scores itself honestly.\n"
      "A first round: mop fetch, mop train, mop evaluate --split DATE, mop predict BTCUSDT");
  cli.name("mop");
  cli.set_version_flag("--version", version_text());
  cli.require_subcommand(1);
  for (const auto& add : {add_fetch, add_import, add_stats, add_verify, add_features, add_train, add_evaluate,
                          add_canaries, add_predict, add_export, add_publish, add_pull, add_serve, add_ledger,
                          add_bot, add_sim, add_doctor}) {
    add(cli, ctx);
  }
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    for (int i = 1; i < argc; ++i)
      ctx.flags.json = ctx.flags.json || std::string_view(argv[i]) == "--json";
    return usage_error(ctx, cli, error);
  }
  return ctx.exit_code;
}

}  // namespace mop::app
