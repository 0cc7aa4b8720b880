#include "mop/features/raw_feature_state.h"

namespace mop::features {
namespace {

template <typename... Families>
std::tuple<Families...> make_families(const EdgeRules& rules, const std::tuple<Families...>*) {
  return {Families(rules)...};
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

}  // namespace mop::features
