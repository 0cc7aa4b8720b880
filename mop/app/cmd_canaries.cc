// `mop canaries`: does this program, with this profile, find what is there and nothing else?
#include <algorithm>
#include <atomic>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/canary_file.h"
#include "mop/app/command.h"
#include "mop/app/market_canaries.h"
#include "mop/app/models.h"
#include "mop/base/build_info.h"
#include "mop/base/json.h"
#include "mop/base/progress.h"

namespace mop::app {
namespace {

struct CanariesOptions {
  std::string profile = "default";
  std::size_t walks = MarketCanaryOptions{}.walks;
};

// The certificate: what is stored, and what --json prints (docs/formats/canaries.md).
boost::json::object certificate(const MarketCanaryOptions& options,
                                const std::vector<evaluate::Canary>& canaries) {
  boost::json::array lines;
  for (const evaluate::Canary& c : canaries) {
    lines.push_back({{"name", c.name},
                     {"passed", c.passed},
                     {"figure", c.figure},
                     {"limit", c.limit},
                     {"meaning", c.meaning}});
  }
  return {{"program", std::string(build_info().version)},
          {"profile", train::fingerprint_of(options.profile)},
          {"profile_name", options.profile.name},
          {"seed", options.seed},
          {"walks", options.walks},
          {"canaries", std::move(lines)}};
}

void print_table(const Context& ctx, const std::vector<evaluate::Canary>& canaries, const std::string& path) {
  ctx.say(fmt::format("{:<18} {:>7} {:>12} {:>8}  {}", "canary", "", "figure", "limit", "what was asked"));
  for (const evaluate::Canary& c : canaries) {
    ctx.say(fmt::format("{:<18} {:>7} {:>12.4g} {:>8.4g}  {}", c.name, c.passed ? "passed" : "FAILED",
                        c.figure, c.limit, c.meaning));
  }
  ctx.say(fmt::format("certificate: {}", path));
}

Result<Exit> run_canaries(Context& ctx, const CanariesOptions& opt) {
  MOP_TRY(check_device(ctx));
  MarketCanaryOptions options;
  options.profile = opt.profile == "v1" ? ctx.settings.v1 : ctx.settings.standard;
  options.seed = ctx.settings.seed;
  options.threads = thread_count(ctx);
  options.walks = opt.walks;
  std::atomic<std::size_t> done{0};
  Progress progress("canaries", options.markets(), ctx.quiet());
  options.done = [&](std::string_view what) { progress.update(++done, what); };
  MOP_TRY_ASSIGN(const auto canaries, market_canaries(options));
  const boost::json::object document = certificate(options, canaries);
  const std::string path = canary_file_path(ctx.settings.models_dir);
  MOP_TRY(ctx.fs.write_atomically(path, to_json_text(document, 1) + "\n"));
  if (ctx.json()) {
    ctx.print_json(document);
  } else {
    print_table(ctx, canaries, path);
  }
  const bool passed = std::all_of(canaries.begin(), canaries.end(), [](const auto& c) { return c.passed; });
  return passed ? Exit::kDone : Exit::kFailed;
}

}  // namespace

void add_canaries(CLI::App& cli, Context& ctx) {
  auto opt = std::make_shared<CanariesOptions>();
  CLI::App* verb = cli.add_subcommand(
      "canaries", "Train a profile on synthetic markets whose truth is known, and certify what it finds");
  verb->footer(
      "Example: mop canaries --seeds 40\n"
      "Four questions, each with a figure and its limit:\n"
      "  shuffled_targets   candles in random order: no skill may remain\n"
      "  random_walks       markets with nothing to forecast: at most 5 % show a false edge\n"
      "  planted_market     2 % of the next return can be known: at least 70 % of the possible skill is "
      "found\n"
      "  noise_free_market  a price without noise: a MAPE below 0.001 %\n"
      "The answer is stored as canaries.json beside the models; the exit status is 1 when one fails.\n"
      "Nothing of your data is read. Canaries on your own models run with every `mop evaluate`.");
  verb->add_option("--profile", opt->profile, "v1 (the original settings; slow) or default")
      ->check(CLI::IsMember({"v1", "default"}))
      ->capture_default_str();
  verb->add_option("--seeds", opt->walks, "Random walks, each with a seed of its own")
      ->check(CLI::Range(20, 1000))
      ->capture_default_str();
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, opt] { return run_canaries(ctx, *opt); });
}

}  // namespace mop::app
