#include "mop/sim/synthetic_market.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/market/symbol.h"
#include "mop/sim/synthetic_series.h"

namespace mop::sim {
namespace {

using market::Interval;

constexpr std::array<std::pair<std::string_view, MarketKind>, 4> kKinds{
    {{"walk", MarketKind::kWalk},
     {"planted", MarketKind::kPlanted},
     {"noise-free", MarketKind::kNoiseFree},
     {"realistic", MarketKind::kRealistic}}};

constexpr DurationMillis kStep = 15 * kMinute;
constexpr std::size_t kLargestLimit = 100'000'000;  // candles; longer than any market lives

}  // namespace

std::string_view to_string(MarketKind kind) {
  return std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& k) { return k.second == kind; })->first;
}

Result<MarketKind> parse_market_kind(std::string_view text) {
  for (const auto& [name, kind] : kKinds) {
    if (name == text) return kind;
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("market must be walk, planted, noise-free or realistic, was '{}'", text));
}

struct SyntheticMarket::Shared {
  explicit Shared(const SyntheticOptions& options) : factor(options.seed, options.start) {}
  MarketFactor factor;
};

struct SyntheticMarket::Coin {
  market::Symbol symbol;
  SyntheticSeries series;

  UnixMillis last_open_time(UnixMillis now, DurationMillis length) const {
    const UnixMillis until = symbol.ended ? std::min(now, *symbol.ended - 1) : now;
    return until / length * length;
  }

  // The bar as it stands at `now`.
  Bar bar_at(UnixMillis open_time, Interval interval, UnixMillis now) {
    const UnixMillis end = open_time + market::length_of(interval);
    const UnixMillis stop = symbol.ended.value_or(end);
    Bar sum;
    for (UnixMillis t = open_time; t < end && t < stop && t <= now; t += kStep) {
      const auto index = static_cast<std::size_t>((t - series.start()) / kStep);
      const auto minutes = std::min<DurationMillis>(15, (now - t) / kMinute);
      const Bar bar = series.bar(index, static_cast<int>(minutes));
      if (t == open_time) {
        sum = bar;
      } else {
        extend(sum, bar);
      }
    }
    return sum;
  }
};

SyntheticMarket::SyntheticMarket(const SyntheticOptions& options)
    : shared_(std::make_unique<Shared>(options)) {
  MOP_CHECK(options.start >= 0 && options.start % kHour == 0) << "market start " << options.start;
  for (const market::Symbol& s : market::all_symbols()) {
    const UnixMillis began = (std::max(options.start, s.began.value_or(0)) + kHour - 1) / kHour * kHour;
    coins_.emplace(s.name, new Coin{s, {options, s.name, s.tick_size, began, shared_->factor}});
  }
}

SyntheticMarket::~SyntheticMarket() = default;

std::vector<Listing> SyntheticMarket::listings(UnixMillis now) {
  std::vector<Listing> list;
  for (const auto& [name, coin] : coins_) {
    if (coin->series.start() > now) continue;
    const bool trading = !coin->symbol.ended || now < *coin->symbol.ended;
    list.push_back(
        {name, trading, coin->symbol.tick_size, std::pow(10.0, -coin->series.quantity_decimals())});
  }
  return list;
}

Result<std::vector<market::Candle>> SyntheticMarket::candles(std::string_view symbol, Interval interval,
                                                             const CandleWindow& window, UnixMillis now) {
  const auto found = coins_.find(symbol);
  if (found == coins_.end() || found->second->series.start() > now) {
    return fail(ErrorCode::kNotFound, fmt::format("symbol '{}' is not in the synthetic market", symbol));
  }
  Coin& coin = *found->second;
  const DurationMillis length = market::length_of(interval);
  const UnixMillis newest = coin.last_open_time(now, length);
  if (window.first > newest) return std::vector<market::Candle>{};
  const UnixMillis asked = std::max<UnixMillis>(window.first, 0);
  UnixMillis first = std::max((asked + length - 1) / length * length, coin.series.start());
  UnixMillis last = std::min(window.last / length * length, newest);
  const DurationMillis most = static_cast<DurationMillis>(std::min(window.limit, kLargestLimit)) * length;
  if (window.newest) {
    first = std::max(first, last - most + length);
  } else {
    last = std::min(last, first + most - length);
  }
  std::vector<market::Candle> candles;
  for (UnixMillis t = first; t <= last; t += length) {
    candles.push_back(to_candle(coin.bar_at(t, interval, now), t, interval, coin.series.quantity_decimals()));
  }
  return candles;
}

}  // namespace mop::sim
