// `mop serve`: forecasts day and night.
#include <algorithm>
#include <memory>
#include <optional>

#include <malloc.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/exchange_options.h"
#include "mop/app/model_watch.h"
#include "mop/app/models.h"
#include "mop/app/open_files.h"
#include "mop/app/operations.h"
#include "mop/app/secrets.h"
#include "mop/app/serve_loop.h"
#include "mop/base/fs.h"
#include "mop/base/log.h"
#include "mop/base/sha256.h"
#include "mop/exchange/curl_transport.h"
#include "mop/exchange/hosts.h"
#include "mop/serve/http_server.h"
#include "mop/serve/schema.h"
#include "mop/train/model_file.h"

namespace mop::app {
namespace {

struct ServeFlags {
  std::string kinds = "15m,1h,unified", clock = "real";
  std::optional<std::string> db, listen, base_url, ws_url;
  std::optional<double> weight_share;
  std::int64_t closes = -1;
};

void put_over(Settings& settings, const ServeFlags& flags) {
  if (flags.db) settings.serve.db = *flags.db;
  if (flags.listen) settings.serve.listen = *flags.listen;
}

// "real" or xN, as of `mop sim`.
Result<double> parse_speed(const std::string& text) {
  if (text == "real") return 1.0;
  double speed = 0.0;
  if (text.starts_with("x") && CLI::detail::lexical_cast(text.substr(1), speed) && speed >= 1.0 &&
      speed <= 100'000.0)
    return speed;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("--clock must be real or x1..x100000 (as of `mop sim`), was '{}'", text));
}

// Models of the selected coins, one file after the other: their networks are shared as they come.
Result<serve::ModelHost> load_models(Context& ctx, const ServeFlags& flags) {
  MOP_TRY_ASSIGN(const auto symbols, ctx.symbols());
  MOP_TRY_ASSIGN(const auto kinds, parse_kinds(flags.kinds));
  serve::ModelHost host(thread_count(ctx));
  for (const train::Kind kind : kinds) {
    for (const market::Symbol& symbol : symbols) {
      const std::string path = train::model_path(ctx.settings.models_dir, symbol.name, kind);
      auto bytes = ctx.fs.read(path);
      if (!bytes && bytes.error().code == ErrorCode::kNotFound) continue;
      if (!bytes) return fail(bytes.error());
      MOP_TRY_ASSIGN(train::TrainedModel model, train::parse_model_file(*bytes, path));
      MOP_TRY(host.add({std::move(model), sha256_hex(*bytes)}));
    }
  }
  if (host.models() == 0) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no model of the selected coins is in {}; run `mop train` or "
                            "`mop pull`",
                            ctx.settings.models_dir));
  }
  return host;
}

exchange::KlineStreamOptions stream_options(const serve::Service& service, const ServeFlags& flags,
                                            const std::string& base_url, double speed) {
  exchange::KlineStreamOptions options;
  options.hosts = exchange::stream_hosts_from(flags.ws_url.value_or(base_url));
  for (const store::SeriesKey& series : service.series())
    options.series.push_back({series.symbol, series.interval});
  options.jitter_seed = static_cast<std::uint64_t>(monotonic_micros());
  return exchange::at_speed(options, speed);
}

double quantile(std::vector<double> values, double p) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))];
}

// `at_once` says whether to wait until no file changes any more.
std::function<Result<std::optional<serve::ModelHost>>()> new_models_of(Context& ctx, const ServeFlags& flags,
                                                                       std::function<bool()> at_once) {
  auto watch = std::make_shared<ModelWatch>(ctx.settings.models_dir);
  return [&ctx, &flags, watch, at_once = std::move(at_once)]() -> Result<std::optional<serve::ModelHost>> {
    if (!(at_once() ? watch->changed_now() : watch->changed(monotonic_micros()))) return std::nullopt;
    MOP_TRY_ASSIGN(auto host, load_models(ctx, flags));
    return std::optional(std::move(host));
  };
}

Result<serve::HttpOptions> http_options(Context& ctx) {
  serve::HttpOptions http;
  MOP_TRY_ASSIGN(http.address, serve::parse_listen_address(ctx.settings.serve.listen));
  MOP_TRY_ASSIGN(http.token, secret(ctx.fs, "MOP_API_TOKEN"));
  http.database = ctx.settings.serve.db;
  http.requests_per_s = ctx.settings.serve.requests_per_s;
  http.burst = ctx.settings.serve.burst;
  if (const std::size_t fit = connections_that_fit(http.max_connections); fit < http.max_connections) {
    ctx.warn(
        fmt::format("{} connections are served at once instead of {}: the limit of open files is too low "
                    "for more; raise it to {} (ulimit -Hn, LimitNOFILE=)",
                    fit, http.max_connections, http.max_connections + kOwnFiles));
    http.max_connections = fit;
  }
  return http;
}

void print_end(const Context& ctx, const serve::Service& service, const ServeTimes& times) {
  boost::json::object summary{{"forecasts", service.forecasts()},
                              {"missed", service.missed()},
                              {"late_candles", service.late_candles()}};
  std::string text = fmt::format("{} forecasts written to the ledger, {} closes missed, {} candles came late",
                                 service.forecasts(), service.missed(), service.late_candles());
  if (!times.close_to_ledger_ms.empty()) {
    const double p50 = quantile(times.close_to_ledger_ms, 0.5),
                 p99 = quantile(times.close_to_ledger_ms, 0.99);
    summary["close_to_ledger_ms_p50"] = p50;
    summary["close_to_ledger_ms_p99"] = p99;
    text += fmt::format("; from a closing frame to the ledger {:.1f} ms (p99 {:.1f})", p50, p99);
  }
  if (ctx.json()) {
    ctx.print_json(summary);
  } else {
    ctx.say(text);
  }
}

// Two programs that write one ledger would each miss what the other forecasts.
Result<FileLock> lock_of(const std::string& db) {
  auto lock = FileLock::acquire(db + ".lock");
  if (lock || lock.error().code != ErrorCode::kUnavailable) return lock;
  return fail(
      ErrorCode::kUnavailable,
      fmt::format("{} is being written by another `mop serve` ({}); stop that one, or name another --db", db,
                  lock.error().message));
}

Result<Exit> run_serve(Context& ctx, const ServeFlags& flags) {
  MOP_TRY_ASSIGN(const double speed, parse_speed(flags.clock));
  put_over(ctx.settings, flags);
  MOP_TRY_ASSIGN(auto options, binance_options(ctx, "serve", flags.base_url, flags.weight_share));
  if (speed > 1.0) options.shared_weight.clear();  // no other program lives in this time
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  exchange::CurlTransport transport;
  FastClock rest_clock(ctx.clock, speed);
  exchange::BinanceRest rest(transport, rest_clock, options);
  MOP_TRY_ASSIGN(const FileLock only, lock_of(ctx.settings.serve.db));
  MOP_TRY_ASSIGN(auto database, serve::open_database(ctx.settings.serve.db, store::Access::kWrite));
  MOP_TRY_ASSIGN(auto ledger, serve::Ledger::open(database));
  MOP_TRY_ASSIGN(auto alert_book, serve::AlertBook::open(database));
  serve::AlertDesk alerts(alert_book, ledger);
  // Without a machine's time for messages to travel in, a fast clock would leave no grace at all.
  const DurationMillis grace = std::max(3 * kSecond, static_cast<DurationMillis>(250.0 * speed));
  serve::Service service(store, ledger, {thread_count(ctx), grace});
  MOP_TRY_ASSIGN(auto host, load_models(ctx, flags));
  const std::string profile = host.model(0).profile.name;
  ctx.say(fmt::format("{} models; fetching what closed since", host.models()));
  MOP_TRY(service.use(std::move(host)));
  ExchangeClock clock(speed);
  serve::BoardHolder board;
  MOP_TRY_ASSIGN(const auto http, http_options(ctx));
  serve::HttpServer server(http, board, ctx.clock);
  MOP_TRY(server.start());  // before anything takes long: a port that is taken should be told at once
  Operations operations(ctx, service, server, board,
                        {[&]() -> Result<Settings> {
                           MOP_TRY_ASSIGN(Settings settings, load_settings(ctx));
                           put_over(settings, flags);
                           return settings;
                         },
                         flags.kinds, profile});
  ServeLoop loop(
      service, store, rest, clock, board, alerts, &server,
      {speed, ctx.settings.history_limit, flags.closes,
       new_models_of(ctx, flags, [&] { return operations.take_look_at_models(); }),
       [&] { operations.turn(); }, [&](serve::BoardHealth& health) { operations.describe(health); }});
  operations.starting("fetching what closed since");
  MOP_TRY(loop.catch_up());
  MOP_TRY(service.replay(clock.now()));
  malloc_trim(0);  // the stored history that was replayed
  MOP_TRY_ASSIGN(auto stream,
                 exchange::KlineStream::start(stream_options(service, flags, options.base_url, speed)));
  const std::string dashboard =
      serve::dashboard_files().empty() ? "" : fmt::format("; dashboard at {}", server.url());
  ctx.say(fmt::format("serving forecasts of {} series at {}/api/v1/series, {} are followed{}; Ctrl-C ends it",
                      service.forecast_series(), server.url(), service.series().size(), dashboard));
  operations.ready();
  const auto ended = loop.run(*stream);
  operations.stop();
  stream->stop();
  server.stop();
  print_end(ctx, service, loop.times());
  if (!ended) return fail(ended.error());
  return Exit::kDone;
}

}  // namespace

void add_serve(CLI::App& cli, Context& ctx) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* verb = cli.add_subcommand("serve", "Forecast every close, day and night, into the ledger");
  verb->footer(
      "Example: mop serve --models-dir models --db mop.db\n"
      "Brings the stored candles up to date, follows the exchange's stream and, at every close of a candle, "
      "writes\n"
      "a forecast of each series into the prediction ledger before anybody sees it (`mop ledger`). Ctrl-C "
      "ends it;\n"
      "started again it goes on, and says which closes it missed. SIGHUP makes it read mop.toml again.\n"
      "Rehearsal: mop sim --clock x60 --port 9000, then mop serve --base-url http://127.0.0.1:9000 --clock "
      "x60");
  verb->add_option("--db", flags->db, "The database it writes [mop.db]")->type_name("FILE");
  verb->add_option("--listen", flags->listen,
                   "Address of the API (api/openapi.yaml) [127.0.0.1:8080]; port 0 takes a free one. Any but "
                   "loopback\n"
                   "needs a token of at least 16 characters in MOP_API_TOKEN")
      ->type_name("HOST:PORT");
  verb->add_option("--kinds", flags->kinds, "Models to use: 15m, 1h, unified")->capture_default_str();
  verb->add_option("--base-url", flags->base_url, "REST address [https://api.binance.com]")->type_name("URL");
  verb->add_option("--ws-url", flags->ws_url, "Stream address [the one that goes with --base-url]")
      ->type_name("URL");
  verb->add_option("--weight-share", flags->weight_share, "Part of the rate limit to use [0.8]")
      ->check(CLI::Range(0.01, 1.0));
  verb->add_option("--clock", flags->clock, "real, or xN when the exchange is a simulation with --clock xN")
      ->capture_default_str();
  verb->add_option("--closes", flags->closes, "End after so many closes [never]")
      ->check(CLI::Range(1, 1'000'000'000));
  add_selectors(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, flags] { return run_serve(ctx, *flags); });
}

}  // namespace mop::app
