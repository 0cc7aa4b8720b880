#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/atr.h"
#include "mop/features/ema.h"
#include "mop/features/stability.h"

namespace mop::features {

/// Prices in quote currency.
struct KeltnerValue {
  double upper, middle, lower;
};

/// Keltner Channel: an exponential average of the close with bands k average true ranges away.
///
///   middle = EMA(C, n),   upper, lower = middle +- k * ATR(m)
///
/// Source: Raschke's form of Keltner, How To Make Money in Commodities (1960); EMA and ATR as in TA-Lib.
class Keltner {
 public:
  static constexpr Stability kStability = Stability::kConverging;

  /// Periods in candles: ema 1..1000, atr 2..1000; `multiple` > 0; anything else is kInvalidArgument.
  static Result<Keltner> make(std::size_t ema_period, std::size_t atr_period, double multiple);

  /// Feeds one finished candle. Empty until `warmup()` candles were seen.
  std::optional<KeltnerValue> push(double high, double low, double close);

  std::size_t warmup() const;

 private:
  Keltner(Ema ema, Atr atr, double multiple) : ema_(ema), atr_(atr), multiple_(multiple) {}
  Ema ema_;
  Atr atr_;
  double multiple_;
};

}  // namespace mop::features
