#include "mop/app/fetch_report.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "mop/app/series_text.h"

namespace mop::app {
namespace {

std::string joined(const std::vector<std::string>& sources) {
  return sources.empty() ? "binance" : fmt::format("{}", fmt::join(sources, "+"));
}

// Rows of another exchange, for people: "ccxt:kucoin from 2024-02-20 on".
std::string foreign_note(const std::vector<store::SourceRange>& ranges) {
  for (const store::SourceRange& range : ranges) {
    if (store::is_foreign(range.source))
      return fmt::format("  {} from {} on", range.source, format_utc_date(range.from));
  }
  return "";
}

boost::json::array quarantined_json(const std::vector<exchange::Quarantined>& files) {
  boost::json::array json;
  for (const exchange::Quarantined& file : files)
    json.push_back({{"file", file.name}, {"reason", file.reason}});
  return json;
}

boost::json::object to_json(const FetchOutcome& one) {
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
                           {"source", joined(one.sources)},
                           {"ranges", ranges_json(one.ranges)},
                           {"archive_files", one.archive_files},
                           {"quarantined", quarantined_json(one.quarantined)},
                           {"note", one.note},
                           {"error", nullptr}};
  if (one.stored.rows > 0) {
    json["first_open_time"] = one.stored.first_open_time;
    json["last_open_time"] = one.stored.last_open_time;
  }
  if (!one.done) json["error"] = one.error ? one.error->message : "not reached before the interrupt";
  return json;
}

std::string remarks(const FetchOutcome& one) {
  std::string text;
  if (one.stored.rows_changed > 0) text += fmt::format("  {} corrected", one.stored.rows_changed);
  if (one.misaligned > 0) text += fmt::format("  {} off the grid left out", one.misaligned);
  if (one.archive_files > 0) text += fmt::format("  {} archive files", one.archive_files);
  text += foreign_note(one.ranges);
  const auto symbol = market::find_symbol(one.series.symbol);
  if (symbol && symbol->ended && one.stored.last_open_time < *symbol->ended &&
      one.stored.last_open_time + kDay > *symbol->ended) {
    text += fmt::format("  trading ended {}", format_utc_date(*symbol->ended));
  }
  return text;
}

// Part of the allowed weight that was used.
double share_used(const FetchReport& r) {
  return static_cast<double>(r.counters.weight_used) /
         static_cast<double>(r.counters.weight_allowed * r.minutes);
}

void print_table(const Context& ctx, const FetchReport& r) {
  const exchange::FetchCounters& c = r.counters;
  std::size_t added = 0;
  ctx.say(fmt::format("{:<10} {:<4} {:>9} {:>9} {:>7}  {:<16}  {:<16}", "coin", "tf", "added", "stored",
                      "gaps", "first (UTC)", "last (UTC)"));
  for (const FetchOutcome& one : r.series) {
    if (!one.done) continue;
    added += one.stored.rows_added;
    ctx.say(fmt::format("{:<10} {:<4} {:>9} {:>9} {:>7}  {:<16}  {:<16}{}", one.series.symbol,
                        market::to_string(one.series.interval), with_commas(one.stored.rows_added),
                        with_commas(one.stored.rows), one.stored.gaps.size(),
                        format_utc(one.stored.first_open_time), format_utc(one.stored.last_open_time),
                        remarks(one)));
  }
  ctx.say(fmt::format("{} of {} series stored in {}, {} rows added, {}", r.stored, r.series.size(),
                      ctx.settings.data_dir, with_commas(added), format_duration(r.elapsed)));
  if (c.requests == 0) return;
  ctx.say(fmt::format(
      "{} requests ({} repeated), weight {} = {:.0f} % of the budget of {} a minute in {} of them; "
      "fullest minute {} of {}; {} x 429, {} x 418",
      c.requests, c.retries, c.weight_used, 100.0 * share_used(r), c.weight_allowed, r.minutes, c.peak_weight,
      c.weight_limit, c.http_429, c.http_418));
}

void print_warnings(const Context& ctx, const FetchReport& r) {
  std::set<std::string> notes;  // once for both timeframes
  for (const FetchOutcome& one : r.series) {
    if (!one.note.empty() && notes.insert(one.note).second) ctx.warn(one.note);
    if (one.error && (!r.blocked || one.error->message != r.blocked->message)) ctx.warn(one.error->message);
    for (const exchange::Quarantined& file : one.quarantined)
      ctx.warn(fmt::format("archive file {} is not used: {}", file.name, file.reason));
  }
  if (r.blocked) ctx.warn(r.blocked->message);
}

}  // namespace

void print_fetch(const Context& ctx, const FetchReport& r) {
  const exchange::FetchCounters& c = r.counters;
  print_warnings(ctx, r);
  if (!ctx.json()) return print_table(ctx, r);
  boost::json::array files;
  for (const FetchOutcome& one : r.series)
    files.push_back(to_json(one));
  ctx.print_json({{"files", std::move(files)},
                  {"requests", c.requests},
                  {"retries", c.retries},
                  {"weight_used", c.weight_used},
                  {"weight_limit", c.weight_limit},
                  {"weight_allowed", c.weight_allowed},
                  {"peak_weight", c.peak_weight},
                  {"budget_share_used", share_used(r)},
                  {"http_429", c.http_429},
                  {"http_418", c.http_418},
                  {"host_changes", c.host_changes},
                  {"clock_skew_ms", r.skew},
                  {"elapsed_s", static_cast<double>(r.elapsed) / kSecond}});
}

}  // namespace mop::app
