// All raw columns, fed one candle at a time or a block of candles: the same arithmetic, bit for bit.
#pragma once
#include <cstddef>

#include "mop/features/raw_columns.h"
#include "mop/market/candle_series.h"

namespace mop::features {

class RawFeatureState {
 public:
  explicit RawFeatureState(EdgeRules rules = {});

  /// Feeds one finished candle and writes its row. Amortised constant time, no allocation.
  void push(const CandleValues& candle, RawRow& row);

  /// Feeds candles [first, last) of `run` and writes columns[f * stride + i] for candle first + i.
  void push_block(const market::CandleSeries& run, std::size_t first, std::size_t last, double* columns,
                  std::size_t stride);

 private:
  RawFamilies families_;
};

}  // namespace mop::features
