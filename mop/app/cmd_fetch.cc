// `mop fetch`: brings the stored candles up to date; the first time the newest ones, then only what is new.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/series_text.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/base/progress.h"
#include "mop/exchange/candle_fetcher.h"
#include "mop/exchange/curl_transport.h"
#include "mop/store/candle_store.h"

namespace mop::app {
namespace {

constexpr const char* kSource = "binance";
constexpr int kAskedAgain =
    3;  // newest stored candles that each run asks for once more: they may be corrected

struct FetchFlags {
  std::optional<std::size_t> limit;
  std::optional<std::string> since;
  bool full = false;
  std::string source = "auto";
  std::optional<std::string> base_url;
  std::size_t workers = 8;
  std::optional<double> weight_share;
};

// What became of one series.
struct Outcome {
  store::SeriesKey series;
  exchange::FetchRange range;
  bool done = false;  // false without an error: not reached before an interrupt
  std::optional<Error> error;
  std::size_t misaligned = 0;
  store::StoreReport stored;
};

// Everything the workers share.
struct FetchRun {
  Context& ctx;
  exchange::BinanceRest& rest;
  store::CandleStore& store;
  UnixMillis server_now = 0;
  std::vector<Outcome> series;
  std::mutex mutex;
  std::optional<Error> blocked;  // an error that every further request would meet as well; guarded by mutex
};

// With candles stored, a run continues behind them; unless more history is wanted than they cover.
exchange::FetchRange range_for(const store::FileMetadata* stored, market::Interval interval,
                               const FetchFlags& flags, std::optional<UnixMillis> since,
                               std::size_t default_limit) {
  const std::size_t limit = flags.limit.value_or(default_limit);
  if (flags.full) return {UnixMillis{0}, limit};
  if (stored == nullptr || stored->rows == 0) return {since, limit};
  const UnixMillis go_on = stored->last_open_time - (kAskedAgain - 1) * market::length_of(interval);
  if (since && *since < stored->first_open_time) return {since, limit};
  if (flags.limit && *flags.limit > stored->rows) return {std::nullopt, limit};
  return {go_on, limit};
}

Result<std::vector<Outcome>> plan_fetch(Context& ctx, store::CandleStore& store, const FetchFlags& flags) {
  std::optional<UnixMillis> since;
  if (flags.since) {
    MOP_TRY_ASSIGN(since, parse_utc(*flags.since));
  }
  MOP_TRY_ASSIGN(const auto symbols, ctx.symbols());
  MOP_TRY_ASSIGN(const auto intervals, ctx.timeframes());
  MOP_TRY_ASSIGN(const store::Metadata metadata, store.metadata());
  std::vector<Outcome> plan;
  for (const market::Symbol& symbol : symbols) {
    for (const market::Interval interval : intervals) {
      Outcome outcome;
      outcome.series = {std::string(symbol.name), interval};
      outcome.range =
          range_for(metadata.find(symbol.name, interval), interval, flags, since, ctx.settings.history_limit);
      plan.push_back(std::move(outcome));
    }
  }
  return plan;
}

Result<void> fetch_series(FetchRun& run, Outcome& one) {
  const auto& [symbol, interval] = one.series;
  const auto go_on = [](std::size_t) { return !interrupted(); };
  MOP_TRY_ASSIGN(const auto got,
                 exchange::fetch_candles(run.rest, symbol, interval, one.range, run.server_now, go_on));
  one.misaligned = got.misaligned;
  MOP_TRY_ASSIGN(one.stored, run.store.merge(symbol, interval, got.candles, kSource));
  if (one.stored.rows == 0) {
    return fail(ErrorCode::kNotFound, fmt::format("{} {}: Binance has no finished candles for it", symbol,
                                                  market::to_string(interval)));
  }
  if (got.candles.size() < 2 || one.stored.gaps.empty()) return {};
  MOP_TRY(run.store.mark_no_trades(symbol, interval, got.candles.front().open_time,
                                   got.candles.back().open_time));
  MOP_TRY_ASSIGN(one.stored.gaps, [&]() -> Result<std::vector<store::Gap>> {
    MOP_TRY_ASSIGN(const store::Metadata metadata, run.store.metadata());
    const store::FileMetadata* file = metadata.find(symbol, interval);
    return file != nullptr ? file->gaps : std::vector<store::Gap>{};
  }());
  return {};
}

bool stops_everything(ErrorCode code) {
  return code == ErrorCode::kUnsupported || code == ErrorCode::kRateLimited;
}

void fetch_one(FetchRun& run, Outcome& one) {
  std::optional<Error> blocked;
  {
    const std::lock_guard lock(run.mutex);
    blocked = run.blocked;
  }
  const auto fetched = blocked ? Result<void>(fail(*blocked)) : fetch_series(run, one);
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
    Outcome& one = run.series[i];
    fetch_one(run, one);
    progress.update(++finished,
                    fmt::format("{} {}", one.series.symbol, market::to_string(one.series.interval)));
  });
}

boost::json::object to_json(const Outcome& one) {
  boost::json::object json{{"symbol", one.series.symbol},
                           {"timeframe", market::to_string(one.series.interval)},
                           {"rows_before", one.stored.rows_before},
                           {"rows_added", one.stored.rows_added},
                           {"rows_changed", one.stored.rows_changed},
                           {"rows", one.stored.rows},
                           {"first_open_time", nullptr},
                           {"last_open_time", nullptr},
                           {"gaps", gaps_json(one.stored.gaps)},
                           {"misaligned_left_out", one.misaligned},
                           {"source", kSource},
                           {"error", nullptr}};
  if (one.stored.rows > 0) {
    json["first_open_time"] = one.stored.first_open_time;
    json["last_open_time"] = one.stored.last_open_time;
  }
  if (!one.done) json["error"] = one.error ? one.error->message : "not reached before the interrupt";
  return json;
}

std::string remarks(const Outcome& one) {
  std::string text;
  if (one.stored.rows_changed > 0) text += fmt::format("  {} corrected", one.stored.rows_changed);
  if (one.misaligned > 0) text += fmt::format("  {} off the grid left out", one.misaligned);
  const auto symbol = market::find_symbol(one.series.symbol);
  if (symbol && symbol->ended && one.stored.last_open_time < *symbol->ended &&
      one.stored.last_open_time + kDay > *symbol->ended) {
    text += fmt::format("  trading ended {}", format_utc_date(*symbol->ended));
  }
  return text;
}

void print_table(const Context& ctx, const FetchRun& run, std::size_t stored, DurationMillis elapsed) {
  std::size_t added = 0;
  ctx.say(fmt::format("{:<10} {:<4} {:>9} {:>9} {:>7}  {:<16}  {:<16}", "coin", "tf", "added", "stored",
                      "gaps", "first (UTC)", "last (UTC)"));
  for (const Outcome& one : run.series) {
    if (!one.done) continue;
    added += one.stored.rows_added;
    ctx.say(fmt::format("{:<10} {:<4} {:>9} {:>9} {:>7}  {:<16}  {:<16}{}", one.series.symbol,
                        market::to_string(one.series.interval), with_commas(one.stored.rows_added),
                        with_commas(one.stored.rows), one.stored.gaps.size(),
                        format_utc(one.stored.first_open_time), format_utc(one.stored.last_open_time),
                        remarks(one)));
  }
  const exchange::FetchCounters c = run.rest.counters();
  ctx.say(fmt::format("{} of {} series stored in {}, {} rows added, {} requests (weight {}{}), {}", stored,
                      run.series.size(), ctx.settings.data_dir, with_commas(added), c.requests, c.weight_used,
                      c.http_429 > 0 ? fmt::format(", {} x 429", c.http_429) : "", format_duration(elapsed)));
}

void print_result(const FetchRun& run, std::size_t stored, DurationMillis elapsed) {
  const Context& ctx = run.ctx;
  for (const Outcome& one : run.series) {
    if (one.error && (!run.blocked || one.error->message != run.blocked->message))
      ctx.warn(one.error->message);
  }
  if (run.blocked) ctx.warn(run.blocked->message);
  if (!ctx.json()) return print_table(ctx, run, stored, elapsed);
  boost::json::array files;
  for (const Outcome& one : run.series)
    files.push_back(to_json(one));
  const exchange::FetchCounters c = run.rest.counters();
  ctx.print_json({{"files", std::move(files)},
                  {"requests", c.requests},
                  {"retries", c.retries},
                  {"weight_used", c.weight_used},
                  {"http_429", c.http_429},
                  {"http_418", c.http_418},
                  {"elapsed_s", static_cast<double>(elapsed) / kSecond}});
}

Result<exchange::BinanceOptions> binance_options(const Context& ctx, const FetchFlags& flags) {
  if (ctx.flags.offline) {
    return fail(ErrorCode::kRefused, "fetch needs the network and --offline forbids it; leave --offline out");
  }
  exchange::BinanceOptions options;
  options.base_url = flags.base_url.value_or(ctx.settings.base_url);
  options.weight_share = flags.weight_share.value_or(ctx.settings.weight_share);
  options.jitter_seed = static_cast<std::uint64_t>(monotonic_micros());  // programs must not retry in step
  if (!options.base_url.starts_with("http://") && !options.base_url.starts_with("https://")) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--base-url must begin with https:// or http://, was '{}'", options.base_url));
  }
  return options;
}

// Long fetches must keep to the limit that holds today; short ones stay below every limit there is.
void learn_limit(FetchRun& run) {
  constexpr std::int64_t kFewRequests = 250;
  std::int64_t requests = 0;
  for (const Outcome& one : run.series) {
    const DurationMillis page = exchange::BinanceRest::kMaxLimit * market::length_of(one.series.interval);
    const auto newest = static_cast<std::int64_t>(one.range.newest) / exchange::BinanceRest::kMaxLimit;
    requests += 1 + (one.range.since ? (run.server_now - *one.range.since) / page : newest);
  }
  if (requests <= kFewRequests) return;
  const auto info = run.rest.exchange_info({run.series.front().series.symbol});
  if (!info) log_warning(fmt::format("rate limit unknown, 6000 a minute assumed: {}", info.error().message));
}

Result<Exit> run_fetch(Context& ctx, const FetchFlags& flags) {
  const std::int64_t start = monotonic_micros();
  MOP_TRY_ASSIGN(const exchange::BinanceOptions options, binance_options(ctx, flags));
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  exchange::CurlTransport transport;
  exchange::BinanceRest rest(transport, ctx.clock, options);
  FetchRun run{ctx, rest, store, 0, {}, {}, {}};
  MOP_TRY_ASSIGN(run.series, plan_fetch(ctx, store, flags));
  MOP_TRY_ASSIGN(run.server_now, rest.server_time());
  log_info(fmt::format("the exchange's clock is {} ms ahead of this one", run.server_now - ctx.clock.now()));
  learn_limit(run);
  fetch_all(run, flags.workers);
  const auto stored = static_cast<std::size_t>(
      std::count_if(run.series.begin(), run.series.end(), [](const Outcome& one) { return one.done; }));
  if (stored == 0 && !interrupted() && run.series.front().error) {
    const bool all_alike = run.series.size() == 1 || run.blocked;
    if (all_alike) return fail(*run.series.front().error);
  }
  print_result(run, stored, (monotonic_micros() - start) / 1000);
  if (interrupted()) return Exit::kInterrupted;
  if (stored == run.series.size()) return Exit::kDone;
  return stored > 0 ? Exit::kPartly : Exit::kFailed;
}

}  // namespace

void add_fetch(CLI::App& cli, Context& ctx) {
  auto flags = std::make_shared<FetchFlags>();
  CLI::App* verb = cli.add_subcommand("fetch", "Collect candles: the newest at first, then only what is new");
  verb->footer(
      "Example: mop fetch --symbols @major --timeframes 15m,1h --limit 5000\n"
      "Without --limit, --since or --full a series that is stored goes on behind its last candle; its newest "
      "3 are\n"
      "asked for once more, as the exchange may have corrected them. Ctrl-C keeps what is stored.");
  auto* limit = verb->add_option("--limit", flags->limit, "Newest candles per series [1000]");
  limit->check(CLI::Range(1, 10'000'000));
  auto* since =
      verb->add_option("--since", flags->since, "Everything from this UTC time on")->type_name("DATE");
  auto* full = verb->add_flag("--full", flags->full, "The whole history of every series");
  since->excludes(limit);
  full->excludes(limit)->excludes(since);
  verb->add_option("--source", flags->source, "auto or binance [auto]")
      ->check(CLI::IsMember({"auto", "binance"}));
  verb->add_option("--base-url", flags->base_url, "REST address [https://api.binance.com]")->type_name("URL");
  verb->add_option("--workers", flags->workers, "Series fetched at a time [8]")->check(CLI::Range(1, 64));
  verb->add_option("--weight-share", flags->weight_share, "Part of the rate limit to use [0.8]")
      ->check(CLI::Range(0.01, 1.0));
  add_selectors(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, flags] { return run_fetch(ctx, *flags); });
}

}  // namespace mop::app
