// `mop verify [--repair]`: reads every stored file to the last byte.
#include <algorithm>
#include <atomic>
#include <memory>
#include <tuple>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/series_text.h"
#include "mop/base/interrupt.h"
#include "mop/base/parallel.h"
#include "mop/base/progress.h"
#include "mop/store/verify.h"

namespace mop::app {
namespace {

constexpr std::size_t kShownProblems = 10;  // per file, for people; JSON has all

struct Checked {
  store::SeriesKey series;
  store::VerifyReport report;
  std::string repair;  // what --repair did; "" when nothing
  std::string error;   // the file could not be checked or repaired
};

store::VerifyReport without_file(const store::SeriesKey& series) {
  store::VerifyReport report;
  report.symbol = series.symbol;
  report.interval = series.interval;
  report.problems.push_back({0, 0, "missing",
                             "metadata.json names this file, it is not there; "
                             "`mop stats` drops the entry"});
  return report;
}

// Files present, and files that only the metadata know.
std::vector<Checked> list_series(const store::CandleStore& store, const store::Metadata& saved,
                                 const SeriesFilter& filter) {
  std::vector<Checked> list;
  const auto add = [&](const store::SeriesKey& series) {
    const auto same = [&](const Checked& c) { return c.series == series; };
    if (filter.keeps(series) && std::none_of(list.begin(), list.end(), same))
      list.push_back({series, {}, {}, {}});
  };
  for (const store::SeriesKey& series : store.series())
    add(series);
  for (const store::FileMetadata& file : saved.files)
    add({file.symbol, file.interval});
  std::sort(list.begin(), list.end(), [](const Checked& a, const Checked& b) {
    return std::tuple(fleet_position(a.series.symbol), a.series.symbol, a.series.interval) <
           std::tuple(fleet_position(b.series.symbol), b.series.symbol, b.series.interval);
  });
  return list;
}

Result<store::VerifyReport> check(Context& ctx, const store::CandleStore& store, const store::Metadata& saved,
                                  const store::SeriesKey& series) {
  const std::string path = store.path(series.symbol, series.interval);
  if (!ctx.fs.exists(path)) return without_file(series);
  return store::verify_file(ctx.fs, path, series.symbol, series.interval,
                            saved.find(series.symbol, series.interval));
}

Result<void> repair(Context& ctx, store::CandleStore& store, Checked& checked) {
  const auto& [symbol, interval] = checked.series;
  if (!ctx.fs.exists(store.path(symbol, interval))) {  // store.metadata() drops the entry
    checked.report.problems.clear();
    checked.repair = "entry without a file dropped from metadata.json";
    return {};
  }
  MOP_TRY_ASSIGN(const store::RepairReport done, store.repair(symbol, interval));
  checked.repair = fmt::format(
      "{} of {} rows kept{}{}", done.rows, done.rows_before, done.torn_tail_cut ? ", torn last row cut" : "",
      done.kept_aside.empty() ? "" : fmt::format(", old file kept as {}", done.kept_aside));
  MOP_TRY_ASSIGN(const store::Metadata saved, store::read_metadata(ctx.fs, store.directory()));
  MOP_TRY_ASSIGN(checked.report, check(ctx, store, saved, checked.series));
  return {};
}

std::string name_of(const Checked& c) {
  return fmt::format("{} {}", c.series.symbol, market::to_string(c.series.interval));
}

void print_problems(const Context& ctx, const Checked& c) {
  if (!c.error.empty()) ctx.say(fmt::format("{:<15} {}", name_of(c), c.error));
  if (!c.repair.empty()) ctx.say(fmt::format("{:<15} repaired: {}", name_of(c), c.repair));
  const auto& problems = c.report.problems;
  for (std::size_t i = 0; i < std::min(problems.size(), kShownProblems); ++i) {
    const std::string where = problems[i].line > 0 ? fmt::format("line {}", problems[i].line) : "";
    ctx.say(fmt::format("{:<15} {:<12} {:<10} {}", name_of(c), where, problems[i].rule, problems[i].message));
  }
  if (problems.size() > kShownProblems) {
    ctx.say(fmt::format("{:<15} and {} more", name_of(c), problems.size() - kShownProblems));
  }
}

void print_holes(const Context& ctx, const std::vector<Checked>& list) {
  ctx.say(fmt::format("{:<15} {:<16}  {:<16}  {:>9}  {}", "holes", "first missing", "last missing", "candles",
                      "why"));
  for (const Checked& c : list) {
    for (const store::Gap& gap : c.report.holes) {
      ctx.say(fmt::format("{:<15} {:<16}  {:<16}  {:>9}  {}", name_of(c), format_utc(gap.from),
                          format_utc(gap.to), with_commas(gap.missing), store::to_string(gap.kind)));
    }
  }
}

boost::json::object to_json(const Checked& c) {
  boost::json::array problems;
  for (const store::RowProblem& p : c.report.problems) {
    problems.push_back(
        {{"line", p.line}, {"open_time", p.open_time}, {"rule", p.rule}, {"message", p.message}});
  }
  boost::json::object json{{"symbol", c.series.symbol},
                           {"timeframe", market::to_string(c.series.interval)},
                           {"rows", c.report.rows},
                           {"problems", std::move(problems)},
                           {"holes", gaps_json(c.report.holes)},
                           {"repair", nullptr},
                           {"error", nullptr}};
  if (!c.repair.empty()) json["repair"] = c.repair;
  if (!c.error.empty()) json["error"] = c.error;
  return json;
}

struct Totals {
  std::size_t rows = 0, problems = 0, holes = 0, missing = 0;
};

Totals count(const std::vector<Checked>& list) {
  Totals t;
  for (const Checked& c : list) {
    t.rows += c.report.rows;
    t.problems += c.report.problems.size() + (c.error.empty() ? 0 : 1);
    t.holes += c.report.holes.size();
    for (const store::Gap& gap : c.report.holes)
      t.missing += gap.missing;
  }
  return t;
}

void print_result(const Context& ctx, const std::vector<Checked>& list, const Totals& totals) {
  if (ctx.json()) {
    boost::json::array files;
    for (const Checked& c : list)
      files.push_back(to_json(c));
    return ctx.print_json({{"files", std::move(files)},
                           {"rows", totals.rows},
                           {"problems", totals.problems},
                           {"holes", totals.holes},
                           {"missing", totals.missing}});
  }
  for (const Checked& c : list)
    print_problems(ctx, c);
  if (totals.holes > 0) print_holes(ctx, list);
  ctx.say(fmt::format("{} files, {} rows checked in {}: {} problems, {} holes ({} candles missing)",
                      list.size(), with_commas(totals.rows), ctx.settings.data_dir, totals.problems,
                      totals.holes, with_commas(totals.missing)));
}

Result<Exit> run_verify(Context& ctx, bool repairs) {
  MOP_TRY_ASSIGN(const SeriesFilter filter, series_filter(ctx));
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  MOP_TRY(store.settle());
  auto saved = store::read_metadata(ctx.fs, store.directory());
  if (!saved && saved.error().code != ErrorCode::kCorrupt) return fail(saved.error());
  if (!saved) ctx.warn(saved.error().message);  // then every file lacks its entry
  const store::Metadata metadata = saved.value_or(store::Metadata{});

  std::vector<Checked> list = list_series(store, metadata, filter);
  Progress progress("verify", list.size(), ctx.quiet());
  std::atomic<std::size_t> finished{0};
  const std::size_t threads = ctx.settings.threads > 0 ? ctx.settings.threads : usable_cores();
  parallel_for(list.size(), threads, [&](std::size_t i) {
    if (interrupted()) return;
    Checked& c = list[i];
    auto report = check(ctx, store, metadata, c.series);
    if (report) {
      c.report = std::move(*report);
      if (repairs && !c.report.problems.empty()) {
        if (const auto repaired = repair(ctx, store, c); !repaired) c.error = repaired.error().message;
      }
    } else {
      c.error = report.error().message;
    }
    progress.update(++finished, name_of(c));
  });
  if (interrupted()) return fail(ErrorCode::kInterrupted, "verify was interrupted; nothing is half done");
  if (repairs) MOP_TRY(store.metadata());  // drops entries whose file is gone
  const Totals totals = count(list);
  print_result(ctx, list, totals);
  mention_quarantine(ctx, store);
  return totals.problems > 0 ? Exit::kFailed : Exit::kDone;
}

}  // namespace

void add_verify(CLI::App& cli, Context& ctx) {
  auto repairs = std::make_shared<bool>(false);
  CLI::App* verb =
      cli.add_subcommand("verify", "Check every stored file: grid, order, OHLC, holes, metadata");
  verb->footer(
      "Example: mop verify --repair\n"
      "Exit status 1 when a file breaks a rule; holes alone are no fault. --repair drops rows that break a "
      "rule,\n"
      "keeps the old file beside the new one and rebuilds metadata.json; `mop fetch` then fills the holes.");
  verb->add_flag("--repair", *repairs, "Drop what breaks a rule and rebuild the metadata");
  add_selectors(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, repairs] { return run_verify(ctx, *repairs); });
}

}  // namespace mop::app
