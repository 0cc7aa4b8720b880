// `mop stats`: what is stored, per coin and timeframe.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/series_text.h"

namespace mop::app {
namespace {

// Time since the newest stored candle closed.
DurationMillis age_of(const store::FileMetadata& file, UnixMillis now) {
  return now - file.last_open_time - market::length_of(file.interval);
}

std::string foreign_note(const store::FileMetadata& file) {
  for (const store::SourceRange& range : file.ranges) {
    if (store::is_foreign(range.source))
      return fmt::format("{} from {} on", range.source, format_utc_date(range.from));
  }
  return "";
}

std::string note_on(const store::FileMetadata& file, UnixMillis now) {
  if (file.rows == 0) return "no candles yet; run `mop fetch`";
  const auto symbol = market::find_symbol(file.symbol);
  if (!symbol) return "not a coin of the fleet";
  std::string note = state_of(file, now) == SeriesState::kStale ? "stale; run `mop fetch`" : "";
  if (symbol->ended && *symbol->ended <= now) {
    note = fmt::format("trading ended {}", format_utc_date(*symbol->ended));
    if (!symbol->successor.empty()) note += fmt::format(", goes on as {}", symbol->successor);
  }
  const std::string foreign = foreign_note(file);
  return note + (note.empty() || foreign.empty() ? "" : "; ") + foreign;
}

std::size_t missing_of(const store::FileMetadata& file, store::GapKind kind) {
  std::size_t missing = 0;
  for (const store::Gap& gap : file.gaps)
    missing += gap.kind == kind ? gap.missing : 0;
  return missing;
}

boost::json::object to_json(const store::FileMetadata& file, UnixMillis now) {
  boost::json::array sources(file.sources.begin(), file.sources.end());
  boost::json::object json{{"symbol", file.symbol},
                           {"timeframe", market::to_string(file.interval)},
                           {"rows", file.rows},
                           {"first_open_time", nullptr},
                           {"last_open_time", nullptr},
                           {"missing", file.missing()},
                           {"age_s", nullptr},
                           {"last_updated", file.last_updated},
                           {"sources", std::move(sources)},
                           {"content_hash", file.content_hash.text()},
                           {"ranges", ranges_json(file.ranges)},
                           {"gaps", gaps_json(file.gaps)},
                           {"state", to_string(state_of(file, now))},
                           {"note", note_on(file, now)}};
  if (file.rows > 0) {
    json["first_open_time"] = file.first_open_time;
    json["last_open_time"] = file.last_open_time;
    json["age_s"] = static_cast<double>(age_of(file, now)) / kSecond;
  }
  return json;
}

void print_row(const Context& ctx, const store::FileMetadata& file, bool new_coin, UnixMillis now) {
  const bool any = file.rows > 0;
  ctx.say(fmt::format(
      "{:<10} {:<4} {:>9}  {:<16}  {:<16}  {:>8} {:>7} {:>9}  {:>8}  {}", new_coin ? file.symbol : "",
      market::to_string(file.interval), with_commas(file.rows), any ? format_utc(file.first_open_time) : "-",
      any ? format_utc(file.last_open_time) : "-", with_commas(missing_of(file, store::GapKind::kNotFetched)),
      with_commas(missing_of(file, store::GapKind::kOutage)),
      with_commas(missing_of(file, store::GapKind::kNoTrades)),
      any ? format_duration(age_of(file, now)) : "-", note_on(file, now)));
}

void print_table(const Context& ctx, const std::vector<store::FileMetadata>& files, std::size_t rows,
                 UnixMillis now) {
  const std::string line(110, '=');
  ctx.say(line);
  ctx.say(fmt::format("Data Storage Statistics: {}", ctx.settings.data_dir));
  ctx.say(line);
  ctx.say(fmt::format("Total files: {}", with_commas(files.size())));
  ctx.say(fmt::format("Total rows:  {}", with_commas(rows)));
  if (files.empty()) return ctx.say("Nothing is stored yet; run `mop fetch` or `mop import --from DIR`");
  ctx.say("");
  ctx.say(fmt::format("{:<10} {:<4} {:>9}  {:<16}  {:<16}  {:^26}  {:>8}", "", "", "", "", "",
                      "missing candles", ""));
  ctx.say(fmt::format("{:<10} {:<4} {:>9}  {:<16}  {:<16}  {:>8} {:>7} {:>9}  {:>8}", "coin", "tf", "rows",
                      "first (UTC)", "last (UTC)", "to fetch", "outage", "no trades", "age"));
  std::string previous;
  for (const store::FileMetadata& file : files) {
    print_row(ctx, file, file.symbol != previous, now);
    previous = file.symbol;
  }
}

Result<Exit> run_stats(Context& ctx) {
  MOP_TRY_ASSIGN(const SeriesFilter filter, series_filter(ctx));
  store::CandleStore store(ctx.settings.data_dir, ctx.fs, ctx.clock);
  MOP_TRY_ASSIGN(const store::Metadata metadata, store.metadata());
  mention_quarantine(ctx, store);
  std::vector<store::FileMetadata> files;
  std::size_t rows = 0;
  for (const store::FileMetadata& file : metadata.files) {
    if (!filter.keeps({file.symbol, file.interval})) continue;
    files.push_back(file);
    rows += file.rows;
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return std::tuple(fleet_position(a.symbol), a.symbol, a.interval) <
           std::tuple(fleet_position(b.symbol), b.symbol, b.interval);
  });
  const UnixMillis now = ctx.clock.now();
  if (!ctx.json()) {
    print_table(ctx, files, rows, now);
    return Exit::kDone;
  }
  boost::json::array series;
  for (const store::FileMetadata& file : files)
    series.push_back(to_json(file, now));
  ctx.print_json({{"total_files", files.size()}, {"total_rows", rows}, {"series", std::move(series)}});
  return Exit::kDone;
}

}  // namespace

void add_stats(CLI::App& cli, Context& ctx) {
  CLI::App* verb = cli.add_subcommand("stats", "What is stored: files, rows, dates, gaps, age");
  verb->footer(
      "Example: mop stats --symbols @major --timeframes 1h\n"
      "Missing candles: `to fetch` may be filled by a fetch; `outage` never existed (Binance was down); `no "
      "trades`\n"
      "the exchange was asked for and does not have.");
  add_selectors(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx] { return run_stats(ctx); });
}

}  // namespace mop::app
