#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
#include "mop/features/wilder.h"

namespace mop::features {

struct AtrValue {
  double atr;   // quote currency
  double natr;  // percent of the close
};

/// max(H, last C) - min(L, last C): the range of a candle and of the step into it, in quote currency.
double true_range(double high, double low, double last_close);

/// Average True Range and its normalised form.
///
///   TR_t = max(H_t - L_t, |H_t - C_{t-1}|, |L_t - C_{t-1}|),   atr = Wilder mean of TR,   natr = 100 * atr /
///   C
///
/// The first candle has no last close, so it has no TR: the seed is the plain mean of the TR of candles 2 to
/// n + 1. Source: Wilder (1978), section III; TA-Lib ATR and NATR.
class Atr {
 public:
  static constexpr Stability kStability = Stability::kConverging;

  /// `period` is in candles, 2..1000; anything else is kInvalidArgument.
  static Result<Atr> make(std::size_t period);

  /// Feeds one finished candle. Empty until `warmup()` candles were seen.
  std::optional<AtrValue> push(double high, double low, double close);

  std::size_t warmup() const { return range_.period() + 1; }

 private:
  explicit Atr(std::size_t period) : range_(period) {}
  WilderMean range_;
  std::optional<double> last_close_;
};

}  // namespace mop::features
