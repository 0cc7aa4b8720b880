// `mop import --from DIR|FILE`: candles out of other tools' CSV files, checked like fetched ones.
#include <algorithm>
#include <atomic>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/series_text.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/base/progress.h"
#include "mop/store/candle_store.h"
#include "mop/store/import_csv.h"

namespace mop::app {
namespace {

// What became of one file.
struct Outcome {
  std::string path;
  store::SeriesKey series;
  bool done = false;  // false with an empty error: not reached before an interrupt
  std::string error;
  std::size_t rows_in_file = 0, duplicates = 0;
  bool open_candle_left_out = false;
  store::StoreReport stored;
};

// Files of one series, in the order of their names: they are merged one after the other.
struct Job {
  store::SeriesKey series;
  std::vector<std::size_t> files;
};

struct ImportPlan {
  std::vector<Outcome> files;
  std::vector<Job> jobs;
  std::vector<std::string> skipped;  // "NAME: why"
};

Result<std::vector<std::string>> candidates(Context& ctx, const std::string& from) {
  if (!ctx.fs.exists(from)) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} does not exist; give a CSV file or a directory of them", from));
  }
  std::vector<std::string> paths;
  for (const std::string& name : ctx.fs.list(from)) {
    if (name.ends_with(".csv")) paths.push_back(fmt::format("{}/{}", from, name));
  }
  if (paths.empty() && from.ends_with(".csv")) paths.push_back(from);
  if (paths.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no .csv files in {}; name candle files like BTCUSDT_1h.csv", from));
  }
  return paths;
}

void add_file(ImportPlan& plan, const std::string& path, const store::SeriesKey& series) {
  const auto same = [&](const Job& job) { return job.series == series; };
  auto job = std::find_if(plan.jobs.begin(), plan.jobs.end(), same);
  if (job == plan.jobs.end()) job = plan.jobs.insert(job, Job{series, {}});
  job->files.push_back(plan.files.size());
  plan.files.push_back({});
  plan.files.back().path = path;
  plan.files.back().series = series;
}

// A file named alone must be a candle file; in a directory others are passed over and named.
Result<ImportPlan> plan_import(Context& ctx, const std::string& from) {
  MOP_TRY_ASSIGN(const auto paths, candidates(ctx, from));
  MOP_TRY_ASSIGN(const SeriesFilter filter, series_filter(ctx));
  ImportPlan plan;
  bool any_candle_file = false;
  for (const std::string& path : paths) {
    const auto series = store::series_of_file_name(path);
    if (!series && paths.size() == 1) return fail(series.error());
    any_candle_file = any_candle_file || series.has_value();
    if (!series) {
      plan.skipped.push_back(fmt::format("{}: {}", path, series.error().message));
    } else if (filter.keeps(*series)) {
      add_file(plan, path, *series);
    }
  }
  if (!plan.files.empty()) return plan;
  return fail(ErrorCode::kNotFound,
              any_candle_file ? fmt::format("no file in {} is of the selected coins and timeframes", from)
                              : fmt::format("no candle files in {}; {}", from, plan.skipped.front()));
}

Result<void> import_file(Context& ctx, store::CandleStore& store, Outcome& file) {
  MOP_TRY_ASSIGN(const std::string bytes, ctx.fs.read(file.path));
  MOP_TRY_ASSIGN(const store::ImportedFile read,
                 store::parse_foreign(bytes, file.series.interval, ctx.clock.now(), file.path));
  file.rows_in_file = read.candles.size();
  file.duplicates = read.duplicates;
  file.open_candle_left_out = read.open_candle_left_out;
  MOP_TRY_ASSIGN(file.stored, store.merge(file.series.symbol, file.series.interval, read.candles, "import"));
  return {};
}

void import_all(Context& ctx, ImportPlan& plan) {
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  Progress progress("import", plan.files.size(), ctx.quiet());
  std::atomic<std::size_t> finished{0};
  const std::size_t threads = ctx.settings.threads > 0 ? ctx.settings.threads : usable_cores();
  parallel_for(plan.jobs.size(), threads, [&](std::size_t j) {
    for (const std::size_t f : plan.jobs[j].files) {
      if (interrupted()) return;
      Outcome& file = plan.files[f];
      if (const auto imported = import_file(ctx, store, file); !imported)
        file.error = imported.error().message;
      file.done = file.error.empty();
      log_info(fmt::format("{}: {}", file.path, file.done ? "imported" : file.error));
      progress.update(++finished,
                      fmt::format("{} {}", file.series.symbol, market::to_string(file.series.interval)));
    }
  });
}

std::string remarks(const Outcome& file) {
  std::string text;
  if (file.stored.rows_changed > 0) text += fmt::format("  {} changed", file.stored.rows_changed);
  if (file.duplicates > 0) text += fmt::format("  {} repeated rows left out", file.duplicates);
  if (file.open_candle_left_out) text += "  unfinished last candle left out";
  return text;
}

void print_table(const Context& ctx, const ImportPlan& plan, std::size_t stored, DurationMillis elapsed) {
  std::size_t added = 0;
  ctx.say(fmt::format("{:<10} {:<4} {:>9} {:>9} {:>9}  {:<16}  {:<16}", "coin", "tf", "in file", "added",
                      "stored", "first", "last"));
  for (const Outcome& file : plan.files) {
    if (!file.done) continue;
    added += file.stored.rows_added;
    ctx.say(fmt::format("{:<10} {:<4} {:>9} {:>9} {:>9}  {}  {}{}", file.series.symbol,
                        market::to_string(file.series.interval), with_commas(file.rows_in_file),
                        with_commas(file.stored.rows_added), with_commas(file.stored.rows),
                        format_utc(file.stored.first_open_time), format_utc(file.stored.last_open_time),
                        remarks(file)));
  }
  ctx.say(fmt::format("{} of {} files stored in {}, {} rows added, {}", stored, plan.files.size(),
                      ctx.settings.data_dir, with_commas(added), format_duration(elapsed)));
}

boost::json::object to_json(const Outcome& file) {
  boost::json::object json{{"file", file.path},
                           {"symbol", file.series.symbol},
                           {"timeframe", market::to_string(file.series.interval)},
                           {"rows_in_file", file.rows_in_file},
                           {"rows_before", file.stored.rows_before},
                           {"rows_added", file.stored.rows_added},
                           {"rows_changed", file.stored.rows_changed},
                           {"rows", file.stored.rows},
                           {"first_open_time", file.stored.first_open_time},
                           {"last_open_time", file.stored.last_open_time},
                           {"gaps", gaps_json(file.stored.gaps)},
                           {"duplicates", file.duplicates},
                           {"open_candle_left_out", file.open_candle_left_out},
                           {"source", "import"}};
  if (file.done) {
    json["error"] = nullptr;
  } else {
    json["error"] = file.error.empty() ? "not reached before the interrupt" : file.error;
  }
  return json;
}

void print_result(const Context& ctx, const ImportPlan& plan, std::size_t stored, DurationMillis elapsed) {
  for (const Outcome& file : plan.files) {
    if (!file.error.empty()) ctx.warn(file.error);
  }
  for (const std::string& line : plan.skipped)
    ctx.warn("skipped " + line);
  if (!ctx.json()) return print_table(ctx, plan, stored, elapsed);
  boost::json::array files, skipped;
  for (const Outcome& file : plan.files)
    files.push_back(to_json(file));
  for (const std::string& line : plan.skipped)
    skipped.emplace_back(line);
  ctx.print_json({{"files", std::move(files)},
                  {"skipped", std::move(skipped)},
                  {"elapsed_s", static_cast<double>(elapsed) / kSecond}});
}

Result<Exit> run_import(Context& ctx, const std::string& from) {
  const std::int64_t start = monotonic_micros();
  MOP_TRY_ASSIGN(ImportPlan plan, plan_import(ctx, from));
  import_all(ctx, plan);
  const auto stored = static_cast<std::size_t>(
      std::count_if(plan.files.begin(), plan.files.end(), [](const Outcome& file) { return file.done; }));
  if (stored == 0 && plan.files.size() == 1 && !plan.files[0].error.empty()) {
    return fail(ErrorCode::kCorrupt, plan.files[0].error);
  }
  print_result(ctx, plan, stored, (monotonic_micros() - start) / 1000);
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  mention_quarantine(ctx, store);
  if (interrupted()) return Exit::kInterrupted;
  if (stored == plan.files.size()) return Exit::kDone;
  return stored > 0 ? Exit::kPartly : Exit::kFailed;
}

}  // namespace

void add_import(CLI::App& cli, Context& ctx) {
  auto from = std::make_shared<std::string>();
  CLI::App* verb = cli.add_subcommand("import", "Store candles from CSV files of other tools");
  verb->footer(
      "Example: mop import --from ~/binance --symbols BTCUSDT,ETHUSDT\n"
      "Files are named like BTCUSDT_1h.csv or BTCUSDT-1h-2024-12.csv. Headers of Binance's archives, pandas, "
      "ccxt\n"
      "and freqtrade are known; times are epoch s, ms, us, ns or UTC text. A file with any bad row is "
      "refused whole.");
  verb->add_option("--from", *from, "CSV file, or directory of CSV files")->type_name("DIR|FILE")->required();
  add_selectors(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, from] { return run_import(ctx, *from); });
}

}  // namespace mop::app
