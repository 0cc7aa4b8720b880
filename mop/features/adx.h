#pragma once
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/atr.h"
#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/indicator_info.h"
#include "mop/features/stability.h"
#include "mop/features/where.h"
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

  /// The columns of a block. REQUIRES: warm.
  void push_block(const CandleBlock& candles, double* adx, double* di_plus, double* di_minus);

  std::size_t warmup_di() const { return period_ + 1; }
  std::size_t warmup() const { return 2 * period_; }

 private:
  Adx(std::size_t period, double tie)
      : period_(period), share_(1.0 / static_cast<double>(period)), tie_(tie), adx_(period) {}
  // -DM is that of the candles upside down.
  static double movement(double this_way, double other_way, double margin) {
    // which way a candle goes cannot be predicted
    return where((this_way - other_way > margin) & (this_way > 0.0), this_way);
  }
  static double share_of(double part, double range) { return range == 0.0 ? 0.0 : 100.0 * (part / range); }
  static double dx(double di_plus, double di_minus) {
    const double total = di_plus + di_minus;
    return total == 0.0 ? kNoDx : 100.0 * (std::abs(di_minus - di_plus) / total);
  }
  std::optional<double> smooth(double dx);
  void forget() {
    plus_ -= plus_ * share_;
    minus_ -= minus_ * share_;
    range_ -= range_ * share_;
  }

  static constexpr double kNoDx = -1.0;  // both DI are 0

  std::size_t period_;
  double share_;  // 1 / n
  double tie_;
  std::size_t seen_ = 0;
  double last_high_ = 0.0, last_low_ = 0.0, last_close_ = 0.0;
  double plus_ = 0.0, minus_ = 0.0, range_ = 0.0;  // S(+DM), S(-DM), S(TR)
  WilderMean adx_;
};

inline std::optional<double> Adx::smooth(double dx) {
  if (dx == kNoDx && adx_.full()) return adx_.mean();
  return adx_.push(dx == kNoDx ? 0.0 : dx);
}

inline std::optional<AdxValue> Adx::push(double high, double low, double close) {
  std::optional<AdxValue> value;
  if (seen_ > 0) {
    if (seen_ >= period_) forget();  // the first n - 1 movements are only summed
    const double up = high - last_high_, down = last_low_ - low, margin = tie_ * high;
    plus_ += movement(up, down, margin);
    minus_ += movement(down, up, margin);
    range_ += true_range(high, low, last_close_);
  }
  if (seen_ >= period_) {
    const double di_plus = share_of(plus_, range_), di_minus = share_of(minus_, range_);
    value = AdxValue{di_plus, di_minus, smooth(dx(di_plus, di_minus))};
  } else {
    ++seen_;
  }
  last_high_ = high;
  last_low_ = low;
  last_close_ = close;
  return value;
}

/// The columns adx, di_plus and di_minus, over 14 candles.
class AdxColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 3> kInfo{{
      {"adx", "trend", "percent", "100 * |di_plus - di_minus| / (di_plus + di_minus), Wilder mean of 14; kept if both are 0", "Wilder 1978; TA-Lib ADX", 28, Adx::kStability, InputForm::kDirection, 28.0},
      {"di_plus", "trend", "percent", "100 * S14(+DM) / S14(TR); 0 if S14(TR) = 0", "Wilder 1978; TA-Lib PLUS_DI", 15, Adx::kStability, InputForm::kDirection, 14.0},
      {"di_minus", "trend", "percent", "100 * S14(-DM) / S14(TR); 0 if S14(TR) = 0", "Wilder 1978; TA-Lib MINUS_DI", 15, Adx::kStability, InputForm::kDirection, 14.0},
  }};
  // clang-format on

  explicit AdxColumns(const EdgeRules& rules) : adx_(Adx::make(14, rules.tie).value()) {}
  void push(const CandleValues& candle, double* row) {
    const std::optional<AdxValue> value = adx_.push(candle.high, candle.low, candle.close);
    row[0] = value ? value->adx.value_or(kNaN) : kNaN;
    row[1] = value ? value->di_plus : kNaN;
    row[2] = value ? value->di_minus : kNaN;
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out);

 private:
  Adx adx_;
};

}  // namespace mop::features
