#pragma once
#include <array>

#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/indicator_info.h"

namespace mop::features {

/// Middle of a candle's range, in quote currency: (H + L) / 2. Source: TA-Lib MEDPRICE. Needs no history.
inline double hl2(double high, double low) {
  return (high + low) / 2.0;
}

/// The column hl2.
class Hl2Column {
 public:
  static constexpr std::array<IndicatorInfo, 1> kInfo{{
      {"hl2", "price", kQuoteUnit, "(H + L) / 2", "TA-Lib MEDPRICE", 1, Stability::kExact,
       InputForm::kDistance},
  }};

  explicit Hl2Column(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) const { row[0] = hl2(candle.high, candle.low); }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const {
    for (std::size_t i = 0; i < candles.n; ++i)
      out.column(0)[i] = hl2(candles.high[i], candles.low[i]);
  }
};

}  // namespace mop::features
