#include "mop/app/series_text.h"

#include <algorithm>

#include <fmt/format.h>
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

std::size_t fleet_position(std::string_view symbol) {
  const auto known = market::all_symbols();
  const auto at = std::find_if(known.begin(), known.end(), [&](const auto& s) { return s.name == symbol; });
  return static_cast<std::size_t>(at - known.begin());
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

}  // namespace mop::app
