#include "mop/features/raw_feature_state.h"

#include <utility>

#include "mop/features/candle_rows.h"

namespace mop::features {
namespace {

template <typename... Families>
std::tuple<Families...> make_families(const EdgeRules& rules, const std::tuple<Families...>*) {
  return {Families(rules)...};
}

// One indicator over the block: its state stays in registers, its candles in the first-level cache.
template <typename Family>
void run_family(Family& family, const market::CandleSeries& run, std::size_t first, std::size_t last,
                double* columns, std::size_t stride) {
  constexpr std::size_t kWidth = Family::kInfo.size();
  Family local = std::move(family);
  const double *open = run.open.data(), *high = run.high.data(), *low = run.low.data(),
               *close = run.close.data(), *volume = run.volume.data();
  for (std::size_t t = first; t < last; ++t) {
    double row[kWidth];
    local.push({0, open[t], high[t], low[t], close[t], volume[t]}, row);
    for (std::size_t f = 0; f < kWidth; ++f)
      columns[f * stride + (t - first)] = row[f];
  }
  family = std::move(local);
}

}  // namespace

RawFeatureState::RawFeatureState(EdgeRules rules)
    : families_(make_families(rules, static_cast<const RawFamilies*>(nullptr))) {}

void RawFeatureState::push(const CandleValues& candle, RawRow& row) {
  double* next = row.data();
  const auto push_one = [&](auto& family) {
    family.push(candle, next);
    next += family.kInfo.size();
  };
  std::apply([&](auto&... family) { (push_one(family), ...); }, families_);
}

void RawFeatureState::push_block(const market::CandleSeries& run, std::size_t first, std::size_t last,
                                 double* columns, std::size_t stride) {
  const auto push_one = [&](auto& family) {
    run_family(family, run, first, last, columns, stride);
    columns += family.kInfo.size() * stride;
  };
  std::apply([&](auto&... family) { (push_one(family), ...); }, families_);
}

}  // namespace mop::features
