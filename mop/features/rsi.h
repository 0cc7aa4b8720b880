#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
#include "mop/features/wilder.h"

namespace mop::features {

/// Wilder's Relative Strength Index, in percent (0..100).
///
///   rsi_t = 100 * G_t / (G_t + L_t),  G_t = (G_{t-1} * (n - 1) + max(C_t - C_{t-1}, 0)) / n,  L_t likewise
///
/// G and L (losses as positive numbers) start as the plain mean of the first n changes. Source: Wilder, New
/// Concepts in Technical Trading Systems (1978), section VI; TA-Lib RSI. A history without any move gives
/// `flat_value`, 0 as in TA-Lib unless another is asked for. Differs from TA-Lib in one case: TA-Lib calls
/// G + L below 1e-14 zero, which is a price move for no coin but a fixed amount of quote currency; here only
/// 0 is zero.
class Rsi {
 public:
  static constexpr Stability kStability = Stability::kConverging;

  /// `period` is in candles, 2..1000; anything else is kInvalidArgument. `flat_value` in percent.
  static Result<Rsi> make(std::size_t period, double flat_value = 0.0);

  /// Feeds the close of one finished candle (quote currency, finite, > 0). Empty until `warmup()` closes.
  std::optional<double> push(double close);

  std::size_t warmup() const { return gain_.period() + 1; }  // n changes need n + 1 closes

 private:
  Rsi(std::size_t period, double flat_value) : gain_(period), loss_(period), flat_value_(flat_value) {}
  WilderMean gain_, loss_;
  double flat_value_;
  std::optional<double> last_close_;
};

}  // namespace mop::features
