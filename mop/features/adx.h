#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
#include "mop/features/wilder.h"

namespace mop::features {

/// In percent (0..100).
struct AdxValue {
  double di_plus, di_minus;
  std::optional<double> adx;  // begins 13 candles after the other two (for period 14)
};

/// Wilder's directional movement: strength of the up and down movement, and of the trend as such.
///
///   up = H_t - H_{t-1},  down = L_{t-1} - L_t;  +DM = up if up > down and up > 0, else 0;  -DM likewise
///   S(x)_t = S(x)_{t-1} - S(x)_{t-1} / n + x_t, from the plain sum of the first n - 1 values
///   di_plus = 100 * S(+DM) / S(TR),  di_minus = 100 * S(-DM) / S(TR)
///   DX = 100 * |di_plus - di_minus| / (di_plus + di_minus),   adx = Wilder mean of DX
///
/// Source: Wilder (1978), section IV; TA-Lib ADX, PLUS_DI, MINUS_DI. Zero divisions as in TA-Lib: S(TR) = 0
/// gives both DI 0; a DX whose DI are both 0 counts as 0 in the seed and later leaves adx as it was. Differs
/// from TA-Lib in one case: TA-Lib calls S(TR) below 1e-14 zero, a fixed amount of quote currency; here only
/// 0 is.
///
/// `up` against `down` is the one comparison here that rounding can decide: they are often equal in ticks and
/// differ in the last bit as doubles, differently when the prices are scaled. `tie` is the relative price
/// difference up to which they count as equal: 0 gives TA-Lib's values, model inputs use 1e-12.
class Adx {
 public:
  static constexpr Stability kStability = Stability::kConverging;

  /// `period` is in candles, 2..1000; anything else is kInvalidArgument.
  static Result<Adx> make(std::size_t period, double tie = 0.0);

  /// Feeds one finished candle. Empty until `warmup_di()` candles were seen.
  std::optional<AdxValue> push(double high, double low, double close);

  std::size_t warmup_di() const { return period_ + 1; }
  std::size_t warmup() const { return 2 * period_; }

 private:
  Adx(std::size_t period, double tie) : period_(period), tie_(tie), adx_(period) {}
  void add_movement(double high, double low);
  std::optional<double> smooth_dx(double di_plus, double di_minus);

  std::size_t period_;
  double tie_;
  std::size_t seen_ = 0;
  double last_high_ = 0.0, last_low_ = 0.0, last_close_ = 0.0;
  double plus_ = 0.0, minus_ = 0.0, range_ = 0.0;  // S(+DM), S(-DM), S(TR)
  WilderMean adx_;
  std::optional<double> last_adx_;
};

}  // namespace mop::features
