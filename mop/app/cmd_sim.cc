// `mop sim`: a Binance-compatible exchange on 127.0.0.1, with a made-up market or with recorded candles.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/series_text.h"
#include "mop/base/interrupt.h"
#include "mop/sim/recorded_market.h"
#include "mop/sim/server.h"
#include "mop/sim/sim_clock.h"
#include "mop/sim/synthetic_market.h"
#include "mop/store/candle_store.h"

namespace mop::app {
namespace {

struct SimFlags {
  std::uint16_t port = 0;
  std::string market = "realistic";
  std::string candles;  // directory to replay; "" for a made-up market
  std::string clock = "real";
  std::optional<std::string> start, faults;
  DurationMillis latency = 0;
};

// What is traded and when: the simulated clock begins at `start`.
struct Stage {
  std::unique_ptr<sim::MarketSource> market;
  std::string name;
  UnixMillis start = 0;
};

Result<Stage> replay_stage(Context& ctx, const std::string& directory) {
  MOP_TRY_ASSIGN(const SeriesFilter filter, series_filter(ctx));
  store::CandleStore store(directory, ctx.fs, ctx.clock);
  std::vector<sim::RecordedSeries> recorded;
  for (const store::SeriesKey& series : store.series()) {
    if (!filter.keeps(series)) continue;
    MOP_TRY_ASSIGN(auto candles, store.load_candles(series.symbol, series.interval));
    recorded.push_back({series.symbol, series.interval, std::move(candles)});
  }
  if (recorded.empty()) {
    return fail(
        ErrorCode::kNotFound,
        fmt::format("no candle files of the selected coins in {}; run `mop fetch` or `mop import` first",
                    directory));
  }
  const std::string name = fmt::format("{} recorded series of {}", recorded.size(), directory);
  auto market = std::make_unique<sim::RecordedMarket>(std::move(recorded));
  const UnixMillis end = market->last_close_time() + 1;
  return Stage{std::move(market), name, end};
}

Result<Stage> synthetic_stage(Context& ctx, const SimFlags& flags) {
  sim::SyntheticOptions options;
  MOP_TRY_ASSIGN(options.kind, sim::parse_market_kind(flags.market));
  options.seed = ctx.settings.seed;
  return Stage{std::make_unique<sim::SyntheticMarket>(options),
               fmt::format("{} market, seed {}", flags.market, options.seed), ctx.clock.now()};
}

Result<std::vector<sim::Fault>> read_faults(Context& ctx, const SimFlags& flags) {
  if (!flags.faults) return std::vector<sim::Fault>{};
  MOP_TRY_ASSIGN(const std::string text, ctx.fs.read(*flags.faults));
  auto faults = sim::FaultScript::parse(text);
  if (!faults) return fail(faults.error().code, fmt::format("{}: {}", *flags.faults, faults.error().message));
  return *faults;
}

// The first line is for scripts that wait for the address; it is there also with --quiet.
void announce(const Context& ctx, const sim::SimServer& server, const Stage& stage, const SimFlags& flags) {
  if (ctx.json()) {
    ctx.print_json({{"url", server.url()},
                    {"port", server.port()},
                    {"market", stage.name},
                    {"clock", flags.clock},
                    {"now", stage.start}});
  } else {
    fmt::print("{}\n", server.url());
    ctx.say(fmt::format("simulated exchange: {}; its time is {} UTC, clock {}", stage.name,
                        format_utc(stage.start), flags.clock));
    ctx.say(fmt::format("use it with: mop fetch --base-url {}   (Ctrl-C ends it)", server.url()));
  }
  std::fflush(stdout);
}

Result<Exit> run_sim(Context& ctx, const SimFlags& flags) {
  MOP_TRY_ASSIGN(const double speed, sim::parse_clock_speed(flags.clock));
  MOP_TRY_ASSIGN(Stage stage,
                 flags.candles.empty() ? synthetic_stage(ctx, flags) : replay_stage(ctx, flags.candles));
  if (flags.start) {
    MOP_TRY_ASSIGN(stage.start, parse_utc(*flags.start));
  }
  sim::ScaledClock clock(ctx.clock, stage.start, speed);
  sim::SimOptions options;
  MOP_TRY_ASSIGN(options.faults, read_faults(ctx, flags));
  options.fault_seed = ctx.settings.seed;
  options.settable = &clock;
  // However fast the clock, a client's machine gets three seconds of its own time to answer a ping.
  options.streams.pong_within =
      std::max(options.streams.pong_within, static_cast<DurationMillis>(3.0 * kSecond * speed));
  options.port = flags.port;
  options.latency = flags.latency;
  if (ctx.settings.threads > 0) options.threads = ctx.settings.threads;
  sim::SimServer server(options, *stage.market, clock);
  MOP_TRY(server.start());
  announce(ctx, server, stage, flags);
  while (!interrupted())
    ctx.clock.sleep_for(kSecond);
  server.stop();
  ctx.say(fmt::format("{} requests answered", with_commas(static_cast<std::size_t>(server.requests()))));
  const auto strikes = server.fault_strikes();
  for (std::size_t i = 0; i < strikes.size(); ++i)
    ctx.say(fmt::format("fault {} of the script struck {} times", i + 1, strikes[i]));
  return Exit::kDone;
}

}  // namespace

void add_sim(CLI::App& cli, Context& ctx) {
  auto flags = std::make_shared<SimFlags>();
  CLI::App* verb =
      cli.add_subcommand("sim", "A Binance-compatible exchange on this machine, for trying things out");
  verb->footer(
      "Example: mop sim --port 9000 --market realistic --seed 1 --clock x60\n"
      "Markets: realistic (volatility clusters, coins move together), walk (nothing to forecast), planted (2 "
      "% to\n"
      "forecast), noise-free (everything to forecast). It listens on 127.0.0.1 only; the first line printed "
      "is its\n"
      "address. With --candles the clock starts at the end of the recording unless --now says otherwise.\n"
      "REST, archive (/data/...) and market streams (/ws, /stream) are on the same port.");
  verb->add_option("--port", flags->port, "Port on 127.0.0.1; 0 takes a free one [0]");
  auto* market =
      verb->add_option("--market", flags->market, "walk, planted, noise-free or realistic [realistic]");
  verb->add_option("--candles", flags->candles, "Replay the candle files of a data directory")
      ->type_name("DIR")
      ->excludes(market);
  verb->add_option("--clock", flags->clock, "real, or xN to run N times as fast [real]");
  verb->add_option("--now,--start", flags->start, "UTC time at which the simulated clock starts [now]")
      ->type_name("DATE");
  verb->add_option("--faults", flags->faults, "Script of faults, one JSON object a line (docs/sim.md)")
      ->type_name("FILE");
  verb->add_option("--latency", flags->latency, "Milliseconds added to every answer [0]")
      ->check(CLI::Range(0, 60'000));
  add_selectors(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, flags] { return run_sim(ctx, *flags); });
}

}  // namespace mop::app
