#pragma once
#include <cstddef>
#include <string_view>

#include "mop/features/stability.h"

namespace mop::features {

/// What one column means. `mop features --list` and docs/indicators.md print these fields as they stand.
struct IndicatorInfo {
  std::string_view name;     // column name, e.g. "sma_10"
  std::string_view group;    // price, trend, momentum, volatility, volume, context
  std::string_view unit;     // of the values, e.g. "quote currency", "percent"
  std::string_view formula;  // C, H, L, O, V: close, high, low, open, volume of candle t
  std::string_view source;   // who defined it; "TA-Lib X" means TA-Lib's values are the definition
  std::size_t warmup;        // candles needed for the first value: rows >= warmup - 1 are finite, earlier NaN
  Stability stability;
};

}  // namespace mop::features
