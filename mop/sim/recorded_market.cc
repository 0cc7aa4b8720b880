#include "mop/sim/recorded_market.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "mop/market/symbol.h"
#include "mop/sim/coin_profile.h"
#include "mop/sim/units.h"

namespace mop::sim {
namespace {

using market::Candle;
using market::Decimal;

int places_of(const Decimal& number) {
  const std::string_view text = number.text();
  const std::size_t point = text.find('.');
  return point == std::string_view::npos ? 0 : static_cast<int>(text.size() - point - 1);
}

Decimal part_of(const Decimal& whole, double part) {
  return whole.empty() ? whole : Decimal::from_double(whole.value() * part, places_of(whole));
}

// A running candle after `part` (0..1) of its time.
Candle running(const Candle& c, double part) {
  Candle so_far = c;
  const int places = std::max({places_of(c.open), places_of(c.close), places_of(c.high), places_of(c.low)});
  so_far.close = Decimal::from_double(c.open.value() + part * (c.close.value() - c.open.value()), places);
  const bool rising = so_far.close.value() >= c.open.value();
  so_far.high = rising ? so_far.close : c.open;
  so_far.low = rising ? c.open : so_far.close;
  for (Decimal* sum :
       {&so_far.volume, &so_far.quote_volume, &so_far.taker_buy_base, &so_far.taker_buy_quote}) {
    *sum = part_of(*sum, part);
  }
  if (c.trades > 0) so_far.trades = static_cast<std::int64_t>(part * static_cast<double>(c.trades));
  return so_far;
}

}  // namespace

RecordedMarket::RecordedMarket(std::vector<RecordedSeries> series) {
  for (RecordedSeries& s : series)
    series_[std::move(s.symbol)][s.interval] = std::move(s.candles);
}

UnixMillis RecordedMarket::last_close_time() const {
  UnixMillis last = 0;
  for (const auto& [symbol, intervals] : series_) {
    for (const auto& [interval, candles] : intervals) {
      if (!candles.empty()) last = std::max(last, candles.back().close_time);
    }
  }
  return last;
}

std::vector<Listing> RecordedMarket::listings(UnixMillis now) {
  std::vector<Listing> list;
  for (const auto& [name, intervals] : series_) {
    const auto known = market::find_symbol(name);
    const bool ended = known && known->ended && now >= *known->ended;
    list.push_back({name, !ended, known ? known->tick_size : kUnit,
                    std::pow(10.0, -coin_profile(name).quantity_decimals)});
  }
  return list;
}

Result<std::vector<Candle>> RecordedMarket::candles(std::string_view symbol, market::Interval interval,
                                                    const CandleWindow& window, UnixMillis now) {
  const auto found = series_.find(symbol);
  if (found == series_.end()) {
    return fail(ErrorCode::kNotFound, fmt::format("symbol '{}' is not among the recorded candles", symbol));
  }
  const auto of_interval = found->second.find(interval);
  if (of_interval == found->second.end()) return std::vector<Candle>{};
  const Candles& all = of_interval->second;
  const auto opens_before = [](const Candle& c, UnixMillis t) { return c.open_time < t; };
  const auto opens_after = [](UnixMillis t, const Candle& c) { return t < c.open_time; };
  auto first = std::lower_bound(all.begin(), all.end(), window.first, opens_before);
  auto last = std::upper_bound(all.begin(), all.end(), std::min(window.last, now), opens_after);
  if (first >= last) return std::vector<Candle>{};
  const auto excess =
      (last - first) - static_cast<std::ptrdiff_t>(std::min<std::size_t>(window.limit, all.size()));
  if (excess > 0) (window.newest ? first : last) += window.newest ? excess : -excess;
  std::vector<Candle> chosen(first, last);
  for (Candle& c : chosen) {
    if (c.close_time < now) continue;
    const DurationMillis passed = now - c.open_time;
    c = running(c, static_cast<double>(passed) / static_cast<double>(market::length_of(interval)));
  }
  return chosen;
}

}  // namespace mop::sim
