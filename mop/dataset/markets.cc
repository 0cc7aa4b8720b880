#include "mop/dataset/markets.h"

#include <algorithm>

namespace mop::dataset {

Markets::Markets(std::span<const market::CandleSeries> coins) {
  for (auto first = coins.begin(); first != coins.end();) {
    const market::Interval interval = first->interval;
    const auto last = std::find_if(first, coins.end(), [&](const auto& c) { return c.interval != interval; });
    contexts_[static_cast<std::size_t>(interval)].emplace(std::span(first, last));
    first = last;
  }
}

const features::MarketContext* Markets::of(market::Interval interval) const {
  const auto& context = contexts_[static_cast<std::size_t>(interval)];
  return context ? &*context : nullptr;
}

}  // namespace mop::dataset
