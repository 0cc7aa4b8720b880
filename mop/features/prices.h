#pragma once
#include <algorithm>
#include <array>

#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/indicator_info.h"

namespace mop::features {

/// The columns open, high, low, close and volume: the candle itself.
class PriceColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 5> kInfo{{
      {"open", "price", kQuoteUnit, "O", "exchange", 1, Stability::kExact, InputForm::kDistance},
      {"high", "price", kQuoteUnit, "H", "exchange", 1, Stability::kExact, InputForm::kDistance},
      {"low", "price", kQuoteUnit, "L", "exchange", 1, Stability::kExact, InputForm::kDistance},
      {"close", "price", kQuoteUnit, "C", "exchange", 1, Stability::kExact},
      {"volume", "volume", kBaseUnit, "V", "exchange", 1, Stability::kExact},
  }};
  // clang-format on

  explicit PriceColumns(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) const {
    row[0] = candle.open;
    row[1] = candle.high;
    row[2] = candle.low;
    row[3] = candle.close;
    row[4] = candle.volume;
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const {
    std::copy_n(candles.open, candles.n, out.column(0));
    std::copy_n(candles.high, candles.n, out.column(1));
    std::copy_n(candles.low, candles.n, out.column(2));
    std::copy_n(candles.close, candles.n, out.column(3));
    std::copy_n(candles.volume, candles.n, out.column(4));
  }
};

}  // namespace mop::features
