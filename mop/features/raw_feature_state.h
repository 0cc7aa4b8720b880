// All raw columns, fed one candle at a time or a block of candles: the same arithmetic, bit for bit.
#pragma once
#include <cstddef>
#include <type_traits>

#include "mop/features/candle_rows.h"
#include "mop/features/raw_columns.h"
#include "mop/features/window_block.h"
#include "mop/market/candle_series.h"

namespace mop::features {

class RawFeatureState {
 public:
  explicit RawFeatureState(EdgeRules rules = {});

  /// Feeds one finished candle and writes its row. Amortised constant time, no allocation.
  void push(const CandleValues& candle, RawRow& row);

  /// Feeds candles [first, last) of `run`, indicator by indicator: write(f, values, n) is called with the
  /// values of column f. REQUIRES: candles 0 .. first - 1 were fed, at least kBlockHistory of them; at most
  /// kBlock candles. push() must not follow: windows read the run itself and are not kept.
  template <typename Write>
  void push_block(const market::CandleSeries& run, std::size_t first, std::size_t last, Write&& write);

 private:
  RawFamilies families_;
};

/// An indicator without a form for blocks is pushed candle by candle.
template <typename Family>
void push_family(Family& family, const market::CandleSeries& run, std::size_t first, const CandleBlock& block,
                 const BlockColumns& out) {
  if constexpr (requires { family.push_block(block, out); }) {
    family.push_block(block, out);
  } else {
    double row[Family::kInfo.size()];
    for (std::size_t i = 0; i < block.n; ++i) {
      family.push(candle_values(run, first + i), row);
      for (std::size_t f = 0; f < Family::kInfo.size(); ++f)
        out.column(f)[i] = row[f];
    }
  }
}

template <typename Write>
void RawFeatureState::push_block(const market::CandleSeries& run, std::size_t first, std::size_t last,
                                 Write&& write) {
  const CandleBlock block{run.open.data() + first,  run.high.data() + first,   run.low.data() + first,
                          run.close.data() + first, run.volume.data() + first, last - first};
  std::size_t f = 0;
  const auto push_one = [&](auto& family) {
    using Family = std::remove_reference_t<decltype(family)>;
    double columns[Family::kInfo.size() * kBlock];
    push_family(family, run, first, block, BlockColumns(columns, kBlock));
    for (std::size_t i = 0; i < family.kInfo.size(); ++i)
      write(f++, columns + i * kBlock, block.n);
  };
  std::apply([&](auto&... family) { (push_one(family), ...); }, families_);
}

}  // namespace mop::features
