#pragma once

namespace mop::features {

/// Middle of a candle's range, in quote currency: (H + L) / 2. Source: TA-Lib MEDPRICE. Needs no history.
inline double hl2(double high, double low) {
  return (high + low) / 2.0;
}

}  // namespace mop::features
