#include "mop/store/combine.h"

#include <algorithm>

namespace mop::store {
namespace {

using market::Candle;

bool same_prices(const Candle& a, const Candle& b) {
  return a.open == b.open && a.high == b.high && a.low == b.low && a.close == b.close && a.volume == b.volume;
}

// The later version wins; what it does not state is kept from the stored one as long as both speak of the
// same prices and volume.
Candle later_version(const Candle& stored, Candle fresh) {
  if (!same_prices(stored, fresh)) return fresh;
  if (fresh.quote_volume.empty()) fresh.quote_volume = stored.quote_volume;
  if (fresh.trades < 0) fresh.trades = stored.trades;
  if (fresh.taker_buy_base.empty()) fresh.taker_buy_base = stored.taker_buy_base;
  if (fresh.taker_buy_quote.empty()) fresh.taker_buy_quote = stored.taker_buy_quote;
  return fresh;
}

}  // namespace

Combined combine(std::span<const Candle> stored, std::span<const Candle> fresh) {
  Combined result;
  result.candles.reserve(stored.size() + fresh.size());
  std::size_t i = 0;
  bool run = false;  // the last candle was taken from the fresh ones
  const auto take = [&](const Candle& c) {
    if (!run) result.taken.push_back({c.open_time, c.open_time});
    run = true;
    result.taken.back().to = c.open_time;
    result.candles.push_back(c);
  };
  for (const Candle& f : fresh) {
    while (i < stored.size() && stored[i].open_time < f.open_time) {
      result.candles.push_back(stored[i++]);
      run = false;
    }
    if (i == stored.size() || stored[i].open_time > f.open_time) {
      take(f);
      ++result.added;
      continue;
    }
    const Candle latest = later_version(stored[i], f);
    if (latest == stored[i]) {
      result.candles.push_back(stored[i]);  // an equal number keeps its stored spelling
      run = false;
    } else {
      ++result.changed;
      result.revisions.push_back({stored[i], latest});
      take(latest);
    }
    ++i;
  }
  while (i < stored.size())
    result.candles.push_back(stored[i++]);
  return result;
}

std::vector<Candle> last_versions(std::vector<Candle> candles) {
  std::stable_sort(candles.begin(), candles.end(),
                   [](const Candle& a, const Candle& b) { return a.open_time < b.open_time; });
  std::vector<Candle> kept;
  for (const Candle& c : candles) {
    if (!kept.empty() && kept.back().open_time == c.open_time) kept.pop_back();
    kept.push_back(c);
  }
  return kept;
}

}  // namespace mop::store
