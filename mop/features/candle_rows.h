#pragma once
#include <cstddef>

#include "mop/features/candle_values.h"
#include "mop/market/candle_series.h"

namespace mop::features {

/// Candle t of a series as one row.
inline CandleValues candle_values(const market::CandleSeries& series, std::size_t t) {
  CandleValues values{series.close_time(t), series.open[t],  series.high[t],
                      series.low[t],        series.close[t], series.volume[t]};
  if (!series.taker_buy_base.empty()) values.taker_buy = series.taker_buy_base[t];
  return values;
}

/// Aborts when `run` has a hole: a window that spans one would mix candles hours or months apart.
void check_is_run(const market::CandleSeries& run);

}  // namespace mop::features
