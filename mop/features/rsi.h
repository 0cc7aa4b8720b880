#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "mop/base/result.h"
#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/indicator_info.h"
#include "mop/features/stability.h"
#include "mop/features/where.h"
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

  /// A change as rise and fall, both >= 0; writes the smoothed rise and the sum of both. REQUIRES: warm.
  void next(double rise, double fall, double& gain, double& total) {
    gain = gain_.next(rise);
    total = gain + loss_.next(fall);
  }
  double value_of(double gain, double total) const {
    return total == 0.0 ? flat_value_ : 100.0 * (gain / total);
  }

  std::size_t warmup() const { return gain_.period() + 1; }  // n changes need n + 1 closes

 private:
  Rsi(std::size_t period, double flat_value) : gain_(period), loss_(period), flat_value_(flat_value) {}
  WilderMean gain_, loss_;
  double flat_value_;
  double last_close_ = 0.0;  // none yet: prices are above 0
};

inline std::optional<double> Rsi::push(double close) {
  const double last = std::exchange(last_close_, close);
  if (last == 0.0) return std::nullopt;
  const double change = close - last;
  const double rise = where(change > 0.0, change);
  const std::optional<double> gain = gain_.push(rise);
  const std::optional<double> loss = loss_.push(rise - change);
  if (!gain) return std::nullopt;
  return value_of(*gain, *gain + *loss);
}

/// The columns rsi_14 and rsi_21.
class RsiColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 2> kInfo{{
      {"rsi_14", "momentum", "percent", "100 * G / (G + L), Wilder means of 14 gains and losses; 0 if never moved", "Wilder 1978; TA-Lib RSI", 15, Rsi::kStability, InputForm::kCentred, 14.0},
      {"rsi_21", "momentum", "percent", "100 * G / (G + L), Wilder means of 21 gains and losses; 0 if never moved", "Wilder 1978; TA-Lib RSI", 22, Rsi::kStability, InputForm::kCentred, 21.0},
  }};
  // clang-format on

  explicit RsiColumns(const EdgeRules& rules)
      : fast_(Rsi::make(14, rules.flat_value).value()), slow_(Rsi::make(21, rules.flat_value).value()) {}
  void push(const CandleValues& candle, double* row) {
    row[0] = fast_.push(candle.close).value_or(kNaN);
    row[1] = slow_.push(candle.close).value_or(kNaN);
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out);

 private:
  Rsi fast_, slow_;
};

}  // namespace mop::features
