#pragma once
#include <limits>

#include "mop/base/time.h"

namespace mop::features {

/// One finished, valid candle as numbers: what every indicator is fed. 0 < low <= open, close <= high,
/// volume >= 0. Prices in quote currency, volume in base currency.
struct CandleValues {
  UnixMillis close_time = 0;
  double open = 0.0, high = 0.0, low = 0.0, close = 0.0, volume = 0.0;
  double taker_buy = std::numeric_limits<double>::quiet_NaN();  // base currency, NaN where not stated
};

}  // namespace mop::features
