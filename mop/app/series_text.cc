#include "mop/app/series_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

namespace mop::app {

bool SeriesFilter::keeps(const store::SeriesKey& series) const {
  const bool symbol =
      symbols.empty() || std::find(symbols.begin(), symbols.end(), series.symbol) != symbols.end();
  return symbol && std::find(intervals.begin(), intervals.end(), series.interval) != intervals.end();
}

Result<SeriesFilter> series_filter(const Context& ctx) {
  SeriesFilter filter;
  filter.intervals.assign(market::kIntervals.begin(), market::kIntervals.end());
  if (ctx.flags.symbols) {
    MOP_TRY_ASSIGN(const auto symbols, ctx.symbols());
    for (const market::Symbol& symbol : symbols)
      filter.symbols.emplace_back(symbol.name);
  }
  if (ctx.flags.timeframes) {
    MOP_TRY_ASSIGN(filter.intervals, ctx.timeframes());
  }
  return filter;
}

Result<market::CandleSeries> load_candles(const Context& ctx, store::CandleStore& store,
                                          std::string_view symbol, market::Interval interval) {
  return ctx.flags.splice_renamed ? store.load_spliced(symbol, interval) : store.load(symbol, interval);
}

std::size_t fleet_position(std::string_view symbol) {
  const auto known = market::all_symbols();
  const auto at = std::find_if(known.begin(), known.end(), [&](const auto& s) { return s.name == symbol; });
  return static_cast<std::size_t>(at - known.begin());
}

std::string_view to_string(SeriesState state) {
  switch (state) {
    case SeriesState::kLive:
      return "live";
    case SeriesState::kStale:
      return "stale";
    case SeriesState::kDead:
      return "dead";
  }
  return "unknown";
}

SeriesState state_of(const store::FileMetadata& file, UnixMillis now) {
  constexpr int kIntervals = 3;
  const DurationMillis length = market::length_of(file.interval);
  const DurationMillis age = now - file.last_open_time - length;
  if (file.rows == 0 || age <= kIntervals * length) return SeriesState::kLive;
  const auto symbol = market::find_symbol(file.symbol);
  return symbol && symbol->ended && *symbol->ended <= now ? SeriesState::kDead : SeriesState::kStale;
}

void mention_quarantine(const Context& ctx, store::CandleStore& store, std::string_view symbol,
                        UnixMillis until) {
  const auto filter = series_filter(ctx);
  const auto metadata = store.metadata();
  if (!filter || !metadata) return;
  const UnixMillis now = std::min(ctx.clock.now(), until);
  std::vector<std::string> stale, dead;
  std::size_t all = 0;
  UnixMillis newest = 0;  // of the stale ones
  for (const store::FileMetadata& file : metadata->files) {
    if (!filter->keeps({file.symbol, file.interval})) continue;
    if (!symbol.empty() && file.symbol != symbol) continue;
    ++all;
    const SeriesState state = state_of(file, now);
    if (state == SeriesState::kLive) continue;
    (state == SeriesState::kStale ? stale : dead)
        .push_back(fmt::format("{} {}", file.symbol, market::to_string(file.interval)));
    if (state == SeriesState::kStale)
      newest = std::max(newest, file.last_open_time + market::length_of(file.interval));
  }
  const auto names = [&](const std::vector<std::string>& some) {
    constexpr std::size_t kNamed = 4;
    return some.size() > kNamed ? fmt::format("{} of {}", some.size(), all)
                                : fmt::format("{}", fmt::join(some, ", "));
  };
  if (!dead.empty()) ctx.warn(fmt::format("dead series, their coins no longer trade: {}", names(dead)));
  if (!stale.empty()) {
    ctx.warn(fmt::format(
        "stale series, more than 3 intervals behind, the newest ends {} UTC (run `mop fetch`): {}",
        format_utc(newest), names(stale)));
  }
}

std::string with_commas(std::size_t n) {
  std::string text = fmt::format("{}", n);
  for (std::size_t at = text.size(); at > 3;)
    text.insert(at -= 3, 1, ',');
  return text;
}

boost::json::array gaps_json(std::span<const store::Gap> gaps) {
  boost::json::array json;
  for (const store::Gap& gap : gaps) {
    json.push_back(
        {{"from", gap.from}, {"to", gap.to}, {"missing", gap.missing}, {"kind", store::to_string(gap.kind)}});
  }
  return json;
}

boost::json::array ranges_json(std::span<const store::SourceRange> ranges) {
  boost::json::array json;
  for (const store::SourceRange& range : ranges)
    json.push_back({{"from", range.from}, {"to", range.to}, {"source", range.source}});
  return json;
}

}  // namespace mop::app
