// `mop ledger verify|score|export`: the prediction ledger, checked and scored from files alone.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/series_text.h"
#include "mop/base/interrupt.h"
#include "mop/serve/ledger.h"
#include "mop/serve/ledger_export.h"
#include "mop/serve/ledger_json.h"
#include "mop/serve/schema.h"

namespace mop::app {
namespace {

constexpr UnixMillis kForever = std::numeric_limits<UnixMillis>::max();

struct LedgerOptions {
  std::string action;
  std::optional<std::string> db_flag;
  std::string db;            // the flag, or serve.db of mop.toml
  std::string noted_head;    // verify
  std::size_t last = 0;      // score; 0: every forecast
  bool store = false;        // score
  std::string out;           // export
  std::string since, until;  // export
};

// An option of another action is a misunderstanding, not a detail to pass over.
Result<void> check_options(const Context& ctx, const LedgerOptions& opt) {
  const auto belongs = [&](bool given, std::string_view flag, std::string_view action) -> Result<void> {
    if (!given || opt.action == action) return {};
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} belongs to `mop ledger {}`, not to {}; see `mop ledger --help`", flag, action,
                            opt.action));
  };
  MOP_TRY(belongs(!opt.noted_head.empty(), "--noted-head", "verify"));
  MOP_TRY(belongs(opt.last > 0, "--last", "score"));
  MOP_TRY(belongs(opt.store, "--store", "score"));
  MOP_TRY(belongs(!opt.out.empty(), "--out", "export"));
  MOP_TRY(belongs(!opt.since.empty() || !opt.until.empty(), "--since and --until", "export"));
  if (opt.action == "verify" && (ctx.flags.symbols || ctx.flags.timeframes)) {
    return fail(
        ErrorCode::kInvalidArgument,
        "--symbols and --timeframes do not go with `mop ledger verify`: a chain is verified as a whole");
  }
  if (opt.action == "export" && ctx.json() && opt.out.empty()) {
    return fail(ErrorCode::kInvalidArgument, "mop ledger export --json needs --out FILE for the CSV");
  }
  return {};
}

Result<std::vector<store::SeriesKey>> selected_series(const Context& ctx, serve::Ledger& ledger) {
  MOP_TRY_ASSIGN(const SeriesFilter filter, series_filter(ctx));
  MOP_TRY_ASSIGN(std::vector<store::SeriesKey> series, ledger.series());
  std::erase_if(series, [&](const store::SeriesKey& key) { return !filter.keeps(key); });
  std::sort(series.begin(), series.end(), [](const auto& a, const auto& b) {
    return std::tuple(fleet_position(a.symbol), a.symbol, a.interval) <
           std::tuple(fleet_position(b.symbol), b.symbol, b.interval);
  });
  return series;
}

std::string series_name(const store::SeriesKey& key) {
  return fmt::format("{} {}", key.symbol, market::to_string(key.interval));
}

Result<Exit> run_verify(Context& ctx, serve::Ledger& ledger, const LedgerOptions& opt) {
  MOP_TRY_ASSIGN(const serve::LedgerReport report, ledger.verify(opt.noted_head));
  const Exit exit = report.problems.empty() ? Exit::kDone : Exit::kFailed;
  if (ctx.json()) {
    boost::json::object json = serve::to_json(report);
    json["db"] = opt.db;
    ctx.print_json(json);
    return exit;
  }
  for (const serve::LedgerProblem& problem : report.problems)
    ctx.say(problem.what);
  for (const serve::UnscoredSteps& u : report.unscored) {
    ctx.say(fmt::format(
        "{}: {} forecast steps have no score, their candles ({} to {}) never came; `mop fetch` and "
        "`mop ledger score --store` mend what the exchange has",
        series_name(u.series), with_commas(u.steps), format_utc(u.first + 1), format_utc(u.last + 1)));
  }
  ctx.say(fmt::format("{}: {} rows in the chain ({} models, {} forecasts, {} missed closes), {}", opt.db,
                      with_commas(static_cast<std::size_t>(report.rows)), report.models, report.forecasts,
                      report.missed,
                      report.problems.empty() ? "every one as it was written"
                                              : fmt::format("{} problems", report.problems.size())));
  if (!report.head.empty()) ctx.say(fmt::format("head {}", report.head));
  return exit;
}

// What `score` found out about one series.
struct ScoredSeries {
  store::SeriesKey key;
  serve::Recomputed recomputed;
  std::string error;  // why it could not be scored; "" when it was
};

// Candles that cannot be read leave a series unscored; a ledger that cannot be read ends it all.
Result<ScoredSeries> rescore(Context& ctx, serve::Ledger& ledger, const LedgerOptions& opt,
                             const store::SeriesKey& key) {
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  ScoredSeries s{key, {}, {}};
  const auto load = [&] {
    auto candles = load_candles(ctx, store, key.symbol, key.interval);
    if (!candles) s.error = candles.error().message;
    return candles;
  };
  auto recomputed = ledger.rescore(key, load, opt.store);
  if (!recomputed && s.error.empty()) return fail(recomputed.error());
  if (!recomputed) return s;
  s.recomputed = std::move(*recomputed);
  auto& forecasts = s.recomputed.forecasts;
  if (opt.last > 0 && forecasts.size() > opt.last)
    forecasts.erase(forecasts.begin(), forecasts.end() - static_cast<std::ptrdiff_t>(opt.last));
  return s;
}

// Pools of each timeframe: everything, then by champion where there are several.
std::vector<serve::LiveScores> pools_of(const std::vector<ScoredSeries>& all) {
  std::vector<serve::LiveScores> pools;
  for (const market::Interval interval : market::kIntervals) {
    std::vector<std::vector<serve::ScoredForecast>> pool;
    std::map<std::string, std::vector<std::vector<serve::ScoredForecast>>> by_champion;
    for (const ScoredSeries& s : all) {
      if (s.key.interval != interval || s.recomputed.forecasts.empty()) continue;
      pool.push_back(s.recomputed.forecasts);
      std::map<std::string, std::vector<serve::ScoredForecast>> parts;
      for (const serve::ScoredForecast& f : s.recomputed.forecasts)
        parts[f.champion].push_back(f);
      for (auto& [champion, part] : parts)
        by_champion[champion].push_back(std::move(part));
    }
    if (pool.empty()) continue;
    pools.push_back(serve::summarise(pool, "pooled", interval));
    if (by_champion.size() < 2) continue;
    for (const auto& [champion, part] : by_champion)
      pools.push_back(serve::summarise(part, "pooled", interval));
  }
  return pools;
}

std::string percent(double share, const char* format = "{:.1f}") {
  return std::isfinite(share) ? fmt::format(fmt::runtime(format), share) : "-";
}

void print_row(const Context& ctx, const serve::LiveScores& s) {
  const std::string ci =
      std::isfinite(s.direction_ci95.lo)
          ? fmt::format(" [{:.1f}, {:.1f}]", 100 * s.direction_ci95.lo, 100 * s.direction_ci95.hi)
          : "";
  ctx.say(fmt::format(
      "{:<10} {:<4} {:<9} {:>9}  {:>8} {:>8} {:>8}  {:>7}  {:>5} {:>5} {:>5} {:>5}  {:<19} {:>8}", s.symbol,
      market::to_string(s.interval), s.champion, with_commas(s.n), percent(s.skill_vs_static_pct, "{:+.2f}"),
      percent(s.skill_vs_ewma_pct, "{:+.2f}"), percent(s.skill_vs_har_pct, "{:+.2f}"),
      percent(s.mae_ratio, "{:.4f}"), percent(100 * s.coverage.c50), percent(100 * s.coverage.c80),
      percent(100 * s.coverage.c90), percent(100 * s.coverage.c95), percent(100 * s.direction_accuracy) + ci,
      percent(s.dm_p_vs_har, "{:.2g}")));
}

struct Totals {
  std::size_t steps = 0, differing = 0, not_stored = 0, errors = 0;
  std::string first_difference;
};

Totals count(const std::vector<ScoredSeries>& all) {
  Totals t;
  for (const ScoredSeries& s : all) {
    t.steps += s.recomputed.steps.size();
    t.differing += s.recomputed.differing;
    t.not_stored += s.recomputed.not_stored;
    t.errors += s.error.empty() ? 0 : 1;
    if (t.first_difference.empty()) t.first_difference = s.recomputed.first_difference;
  }
  return t;
}

serve::LiveScores live_scores_of(const ScoredSeries& s) {
  return serve::summarise({&s.recomputed.forecasts, 1}, s.key.symbol, s.key.interval);
}

void print_scores(const Context& ctx, const LedgerOptions& opt, const std::vector<ScoredSeries>& all,
                  const Totals& t) {
  ctx.say(fmt::format("{:<10} {:<4} {:<9} {:>9}  {:^26}  {:>7}  {:^23}  {:<19} {:>8}", "", "", "", "",
                      "skill in % against", "error", "interval holds, %", "direction, %", "DM p"));
  ctx.say(
      fmt::format("{:<10} {:<4} {:<9} {:>9}  {:>8} {:>8} {:>8}  {:>7}  {:>5} {:>5} {:>5} {:>5}  {:<19} {:>8}",
                  "coin", "tf", "champion", "forecasts", "static", "ewma", "har", "over B0", "50", "80", "90",
                  "95", "(of moves > 2 ticks)", "vs har"));
  for (const ScoredSeries& s : all) {
    if (s.error.empty()) print_row(ctx, live_scores_of(s));
  }
  for (const serve::LiveScores& pool : pools_of(all))
    print_row(ctx, pool);
  for (const ScoredSeries& s : all) {
    if (!s.error.empty()) ctx.say(fmt::format("{} is not scored: {}", series_name(s.key), s.error));
  }
  ctx.say(fmt::format("{} steps scored from {} and {}; of the stored scores {} differ, {} were not stored{}",
                      with_commas(t.steps), opt.db, ctx.settings.data_dir, with_commas(t.differing),
                      with_commas(t.not_stored), opt.store ? "; all are stored now" : ""));
  if (t.differing > 0) ctx.say(fmt::format("first difference: {}", t.first_difference));
  if (t.differing > 0 && !opt.store)
    ctx.say("`mop ledger score --store` puts these scores in the place of the stored ones");
}

void print_scores_json(const Context& ctx, const LedgerOptions& opt, const std::vector<ScoredSeries>& all,
                       const Totals& t) {
  boost::json::array series, pools;
  for (const ScoredSeries& s : all) {
    boost::json::object json = serve::to_json(live_scores_of(s));
    json["steps"] = s.recomputed.steps.size();
    json["differing"] = s.recomputed.differing;
    json["not_stored"] = s.recomputed.not_stored;
    json["error"] = nullptr;
    if (!s.error.empty()) json["error"] = s.error;
    series.push_back(std::move(json));
  }
  for (const serve::LiveScores& pool : pools_of(all))
    pools.push_back(serve::to_json(pool));
  boost::json::object json{{"db", opt.db},
                           {"series", std::move(series)},
                           {"pooled", std::move(pools)},
                           {"steps", t.steps},
                           {"differing", t.differing},
                           {"not_stored", t.not_stored},
                           {"first_difference", nullptr},
                           {"stored", opt.store}};
  if (t.differing > 0) json["first_difference"] = t.first_difference;
  ctx.print_json(json);
}

Result<Exit> run_score(Context& ctx, serve::Ledger& ledger, const LedgerOptions& opt) {
  MOP_TRY_ASSIGN(const auto series, selected_series(ctx, ledger));
  std::vector<ScoredSeries> all;
  for (const store::SeriesKey& key : series) {
    if (interrupted()) return fail(ErrorCode::kInterrupted, "ledger score was interrupted; run it again");
    MOP_TRY_ASSIGN(auto scored, rescore(ctx, ledger, opt, key));
    all.push_back(std::move(scored));
  }
  const Totals totals = count(all);
  if (ctx.json()) {
    print_scores_json(ctx, opt, all, totals);
  } else {
    print_scores(ctx, opt, all, totals);
  }
  if (totals.differing > 0 && !opt.store) return Exit::kFailed;
  return totals.errors > 0 ? Exit::kPartly : Exit::kDone;
}

Result<UnixMillis> instant(const std::string& text, UnixMillis otherwise) {
  if (text.empty()) return otherwise;
  return parse_utc(text);
}

Result<Exit> run_export(Context& ctx, serve::Ledger& ledger, const LedgerOptions& opt) {
  MOP_TRY_ASSIGN(const UnixMillis since, instant(opt.since, 0));
  MOP_TRY_ASSIGN(const UnixMillis until, instant(opt.until, kForever));
  MOP_TRY_ASSIGN(const auto series, selected_series(ctx, ledger));
  std::uint64_t written = 0;
  if (!opt.out.empty()) MOP_TRY(ctx.fs.remove(opt.out));
  const auto write = [&](std::string_view piece) -> Result<void> {
    if (interrupted()) return fail(ErrorCode::kInterrupted, "ledger export was interrupted; run it again");
    if (opt.out.empty()) {
      std::fwrite(piece.data(), 1, piece.size(), stdout);
      return {};
    }
    MOP_TRY(ctx.fs.append_at(opt.out, written, piece));
    written += piece.size();
    return {};
  };
  const auto lines = serve::export_csv(ledger, series, {since, until}, write);
  if (!lines) {
    if (!opt.out.empty()) static_cast<void>(ctx.fs.remove(opt.out));  // half an export looks like a whole one
    return fail(lines.error());
  }
  if (ctx.json()) {
    ctx.print_json({{"db", opt.db}, {"file", opt.out}, {"rows", *lines}});
  } else if (!opt.out.empty()) {
    ctx.say(fmt::format("wrote {} forecast steps of {} series to {}", with_commas(*lines), series.size(),
                        opt.out));
  }
  return Exit::kDone;
}

Result<Exit> run_ledger(Context& ctx, const LedgerOptions& opt) {
  MOP_TRY(check_options(ctx, opt));
  MOP_TRY_ASSIGN(auto database, serve::open_database(opt.db, store::Access::kRead));
  if (opt.store) {  // it is there: nothing is made
    MOP_TRY_ASSIGN(database, serve::open_database(opt.db, store::Access::kWrite));
  }
  MOP_TRY_ASSIGN(serve::Ledger ledger, serve::Ledger::open(database));
  if (opt.action == "verify") return run_verify(ctx, ledger, opt);
  return opt.action == "score" ? run_score(ctx, ledger, opt) : run_export(ctx, ledger, opt);
}

}  // namespace

void add_ledger(CLI::App& cli, Context& ctx) {
  auto opt = std::make_shared<LedgerOptions>();
  CLI::App* verb =
      cli.add_subcommand("ledger", "The prediction ledger of `mop serve`: verify, score, export");
  verb->footer(
      "Example: mop ledger verify\n"
      "  verify   recomputes the chain of hashes over everything that was forecast: a row that was changed, "
      "removed\n"
      "           or slipped in is named by its number. Note the head it prints somewhere else; --noted-head "
      "shows\n"
      "           later that the rows up to it are still the same. Exit status 1 when something is wrong.\n"
      "  score    computes all scores anew from the ledger and the stored candles, one step ahead, against "
      "the\n"
      "           baselines that stood in the model files, and says where scores that `serve` stored differ "
      "(exit\n"
      "           status 1; 3 when candles of a series are missing). `mop fetch` brings candles.\n"
      "  export   CSV, a line for each forecast and step, with everything that is needed to score it without "
      "MOP.\n"
      "The format is in docs/formats/ledger.md. Nothing is changed, except by score --store.");
  verb->add_option("action", opt->action, "verify, score or export")
      ->required()
      ->check(CLI::IsMember({"verify", "score", "export"}));
  verb->add_option("--db", opt->db_flag, "The database that `mop serve` writes [mop.db]")->type_name("FILE");
  verb->add_option("--noted-head", opt->noted_head,
                   "verify: a head that was noted earlier must be in the chain");
  verb->add_option("--last", opt->last, "score: the newest N forecasts of each series [all]")
      ->check(CLI::Range(1, 1'000'000'000));
  verb->add_flag("--store", opt->store, "score: put the computed scores in the place of the stored ones");
  verb->add_option("--out", opt->out, "export: write to this file instead of standard output")
      ->type_name("FILE");
  verb->add_option("--since", opt->since, "export: forecasts made at or after this date")->type_name("DATE");
  verb->add_option("--until", opt->until, "export: forecasts made before this date")->type_name("DATE");
  add_selectors(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, opt] {
    opt->db = opt->db_flag.value_or(ctx.settings.serve.db);
    return run_ledger(ctx, *opt);
  });
}

}  // namespace mop::app
