// `mop fetch`: brings the stored candles up to date; the first time the newest ones, then only what is new.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "mop/app/command.h"
#include "mop/app/exchange_options.h"
#include "mop/app/fetch_report.h"
#include "mop/app/fetch_series.h"
#include "mop/app/series_text.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/base/progress.h"
#include "mop/exchange/curl_transport.h"
#include "mop/exchange/hosts.h"
#include "mop/exchange/shared_weight.h"
#include "mop/store/candle_store.h"

namespace mop::app {
namespace {

struct FetchFlags {
  std::optional<std::size_t> limit;
  std::optional<std::string> since;
  bool full = false;
  std::string source = "auto";
  std::optional<std::string> base_url, archive_url, ccxt_url;
  std::size_t workers = 8;
  std::optional<double> weight_share;
};

// Everything the workers share.
struct FetchRun {
  Context& ctx;
  SeriesFetcher& fetcher;
  UnixMillis server_now = 0;
  std::vector<FetchOutcome> series;
  std::mutex mutex;
  std::optional<Error> blocked;  // an error that every further request would meet as well; guarded by mutex
};

// Where a run goes on: a few candles before the newest; earlier where rows of another exchange stand for
// Binance's, which are better when it has them.
UnixMillis continuation(const store::FileMetadata& stored, market::Interval interval, bool from_binance) {
  UnixMillis from = stored.last_open_time - (kAskedAgain - 1) * market::length_of(interval);
  const auto symbol = market::find_symbol(stored.symbol);
  if (!from_binance || !symbol || symbol->ended) return from;
  for (const store::SourceRange& range : stored.ranges) {
    if (store::is_foreign(range.source)) from = std::min(from, range.from);
  }
  return from;
}

// With candles stored, a run continues behind them; unless more history is wanted than they cover.
exchange::FetchRange range_for(const store::FileMetadata* stored, market::Interval interval,
                               const FetchFlags& flags, std::optional<UnixMillis> since,
                               std::size_t default_limit, bool from_binance) {
  const std::size_t limit = flags.limit.value_or(default_limit);
  if (flags.full) return {UnixMillis{0}, limit, {}};
  if (stored == nullptr || stored->rows == 0) return {since, limit, {}};
  if (since && *since < stored->first_open_time) return {since, limit, {}};
  if (flags.limit && *flags.limit > stored->rows) return {std::nullopt, limit, {}};
  return {continuation(*stored, interval, from_binance), limit, {}};
}

Result<std::vector<FetchOutcome>> plan_fetch(Context& ctx, store::CandleStore& store, const FetchFlags& flags,
                                             bool from_binance) {
  std::optional<UnixMillis> since;
  if (flags.since) {
    MOP_TRY_ASSIGN(since, parse_utc(*flags.since));
  }
  MOP_TRY_ASSIGN(const auto symbols, ctx.symbols());
  MOP_TRY_ASSIGN(const auto intervals, ctx.timeframes());
  MOP_TRY_ASSIGN(const store::Metadata metadata, store.metadata());
  std::vector<FetchOutcome> plan;
  for (const market::Symbol& symbol : symbols) {
    for (const market::Interval interval : intervals) {
      FetchOutcome outcome;
      outcome.series = {std::string(symbol.name), interval};
      outcome.range = range_for(metadata.find(symbol.name, interval), interval, flags, since,
                                ctx.settings.history_limit, from_binance);
      plan.push_back(std::move(outcome));
    }
  }
  return plan;
}

bool stops_everything(ErrorCode code) {
  return code == ErrorCode::kUnsupported || code == ErrorCode::kRateLimited;
}

void fetch_one(FetchRun& run, FetchOutcome& one) {
  std::optional<Error> blocked;
  {
    const std::lock_guard lock(run.mutex);
    blocked = run.blocked;
  }
  const auto fetched = blocked ? Result<void>(fail(*blocked)) : run.fetcher.fetch(one, run.server_now);
  one.done = fetched.has_value();
  const std::string name = fmt::format("{} {}", one.series.symbol, market::to_string(one.series.interval));
  if (one.done) {
    log_info(fmt::format("{}: {} rows added, {} stored", name, one.stored.rows_added, one.stored.rows));
  } else if (fetched.error().code != ErrorCode::kInterrupted) {
    one.error = fetched.error();
    log_error(fmt::format("{}: {}", name, one.error->message));
    const std::lock_guard lock(run.mutex);
    if (stops_everything(one.error->code)) run.blocked = one.error;
  }
}

void fetch_all(FetchRun& run, std::size_t workers) {
  Progress progress("fetch", run.series.size(), run.ctx.quiet());
  std::atomic<std::size_t> finished{0};
  parallel_for(run.series.size(), workers, [&](std::size_t i) {
    if (interrupted()) return;
    FetchOutcome& one = run.series[i];
    fetch_one(run, one);
    progress.update(++finished,
                    fmt::format("{} {}", one.series.symbol, market::to_string(one.series.interval)));
  });
}

// The limit that holds today. `--weight-share` is a part of it.
void learn_limit(exchange::BinanceRest& rest, const FetchRun& run) {
  const auto info = rest.exchange_info({run.series.front().series.symbol});
  if (!info) log_warning(fmt::format("rate limit unknown, 6000 a minute assumed: {}", info.error().message));
}

// The exchange's clock. When it is far from this machine's it is asked twice more: one wrong statement must
// not make an open candle look finished.
Result<UnixMillis> exchange_clock(exchange::BinanceRest& rest, Clock& clock) {
  std::array<DurationMillis, 3> skews{};
  for (std::size_t i = 0; i < skews.size(); ++i) {
    const UnixMillis before = clock.now();
    MOP_TRY_ASSIGN(const UnixMillis stated, rest.server_time());
    skews[i] = stated - (before + clock.now()) / 2;  // the statement was made about halfway
    if (i == 0 && std::abs(skews[i]) < kMinute) return clock.now() + skews[i];
  }
  std::sort(skews.begin(), skews.end());
  return clock.now() + skews[1];
}

void tell_skew(const Context& ctx, DurationMillis skew) {
  log_info(fmt::format("the exchange's clock is {} ms ahead of this one", skew));
  if (std::abs(skew) < kSecond) return;
  ctx.say(fmt::format("this machine's clock is {} {} the exchange's; the exchange's is used",
                      format_duration(std::abs(skew)), skew > 0 ? "behind" : "ahead of"));
}

bool archive_belongs(const exchange::BinanceOptions& options, const FetchFlags& flags) {
  return flags.archive_url ||
         exchange::is_binance_host(options.base_url);  // no real history into a simulation
}

// Nor rows of a real exchange.
bool fallback_belongs(const exchange::BinanceOptions& options, const FetchFlags& flags) {
  return flags.ccxt_url || exchange::is_binance_host(options.base_url);
}

exchange::CcxtOptions ccxt_options(const FetchSource& source, const FetchFlags& flags) {
  exchange::CcxtOptions options;
  options.url = flags.ccxt_url.value_or(source.ccxt.empty() ? "" : flags.base_url.value_or(""));
  return options;
}

// Binance's clock, or, where Binance does not answer, the other exchange in its place and this machine's
// clock.
Result<UnixMillis> clock_of(FetchSource& source, exchange::BinanceRest& rest, const Context& ctx) {
  if (!source.rest) return ctx.clock.now();
  auto stated = exchange_clock(rest, ctx.clock);
  const bool silent = !stated && (stated.error().code == ErrorCode::kUnavailable ||
                                  stated.error().code == ErrorCode::kUnsupported);
  if (!silent || source.fallback.empty()) return stated;
  ctx.warn(fmt::format("Binance does not answer ({}); ccxt:{} is asked instead, and its rows are marked",
                       stated.error().message, source.fallback));
  source.ccxt = std::exchange(source.fallback, "");
  source.rest = source.archive = false;
  return ctx.clock.now();
}

exchange::ArchiveOptions archive_options(const FetchFlags& flags) {
  exchange::ArchiveOptions options;
  if (flags.archive_url) options.url = options.listing_url = *flags.archive_url;
  return options;
}

Result<Exit> end_of(const FetchRun& run, std::size_t stored) {
  if (interrupted()) return Exit::kInterrupted;
  if (stored == run.series.size()) return Exit::kDone;
  return stored > 0 ? Exit::kPartly : Exit::kFailed;
}

Result<Exit> run_fetch(Context& ctx, const FetchFlags& flags) {
  const std::int64_t start = monotonic_micros();
  MOP_TRY_ASSIGN(const exchange::BinanceOptions options,
                 binance_options(ctx, "fetch", flags.base_url, flags.weight_share));
  MOP_TRY_ASSIGN(FetchSource source, parse_fetch_source(flags.source));
  source.archive = source.archive && (source.archive_needed || archive_belongs(options, flags));
  if (!fallback_belongs(options, flags)) source.fallback.clear();
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  exchange::CurlTransport transport;
  exchange::BinanceRest rest(transport, ctx.clock, options);
  exchange::Archive archive(transport, ctx.clock, archive_options(flags));
  MOP_TRY_ASSIGN(std::vector<FetchOutcome> plan, plan_fetch(ctx, store, flags, source.ccxt.empty()));
  MOP_TRY_ASSIGN(const UnixMillis server_now, clock_of(source, rest, ctx));
  const DurationMillis skew = source.rest ? server_now - ctx.clock.now() : 0;
  SeriesFetcher fetcher(source, store, source.rest ? &rest : nullptr, source.archive ? &archive : nullptr,
                        ccxt_options(source, flags));
  FetchRun run{ctx, fetcher, server_now, std::move(plan), {}, {}};
  if (source.rest) {
    tell_skew(ctx, skew);
    learn_limit(rest, run);
  }
  fetch_all(run, source.ccxt.empty() ? flags.workers : 1);
  const auto stored = static_cast<std::size_t>(
      std::count_if(run.series.begin(), run.series.end(), [](const FetchOutcome& one) { return one.done; }));
  if (stored == 0 && !interrupted() && run.series.front().error) {
    const bool all_alike = run.series.size() == 1 || run.blocked;
    if (all_alike) return fail(*run.series.front().error);
  }
  const DurationMillis elapsed = (monotonic_micros() - start) / 1000;
  const std::int64_t minutes = (server_now + elapsed) / kMinute - server_now / kMinute + 1;
  print_fetch(ctx, {run.series, run.blocked, rest.counters(), stored, minutes, skew, elapsed});
  mention_quarantine(ctx, store);
  return end_of(run, stored);
}

}  // namespace

void add_fetch(CLI::App& cli, Context& ctx) {
  auto flags = std::make_shared<FetchFlags>();
  CLI::App* verb = cli.add_subcommand("fetch", "Collect candles: the newest at first, then only what is new");
  verb->footer(
      "Example: mop fetch --symbols @major --timeframes 15m,1h --limit 5000\n"
      "Without --limit, --since or --full a series that is stored goes on behind its last candle; its newest "
      "3 are\n"
      "asked for once more, as the exchange may have corrected them. Ctrl-C keeps what is stored.\n"
      "Rows of another exchange (--source ccxt:kucoin) are marked in metadata.json; --source binance refuses "
      "such files.");
  auto* limit = verb->add_option("--limit", flags->limit, "Newest candles per series [1000]");
  limit->check(CLI::Range(1, 10'000'000));
  auto* since =
      verb->add_option("--since", flags->since, "Everything from this UTC time on")->type_name("DATE");
  auto* full = verb->add_flag("--full", flags->full, "The whole history of every series");
  since->excludes(limit);
  full->excludes(limit)->excludes(since);
  verb->add_option(
          "--source", flags->source,
          "auto (archive for long histories, REST for the rest, KuCoin for what Binance does not have), "
          "binance (REST), archive, or ccxt:<exchange> [auto]")
      ->type_name("NAME");
  verb->add_option("--base-url", flags->base_url, "REST address [https://api.binance.com]")->type_name("URL");
  verb->add_option("--archive-url", flags->archive_url, "Bulk archive [https://data.binance.vision]")
      ->type_name("URL");
  verb->add_option("--ccxt-url", flags->ccxt_url, "Other exchange's address [its own]")->type_name("URL");
  verb->add_option("--workers", flags->workers, "Series fetched at a time [8]")->check(CLI::Range(1, 64));
  verb->add_option("--weight-share", flags->weight_share, "Part of the rate limit to use [0.8]")
      ->check(CLI::Range(0.01, 1.0));
  add_selectors(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, flags] { return run_fetch(ctx, *flags); });
}

}  // namespace mop::app
