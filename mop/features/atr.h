#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "mop/base/result.h"
#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/indicator_info.h"
#include "mop/features/stability.h"
#include "mop/features/wilder.h"

namespace mop::features {

struct AtrValue {
  double atr;   // quote currency
  double natr;  // percent of the close
};

/// max(H, last C) - min(L, last C): the range of a candle and of the step into it, in quote currency.
inline double true_range(double high, double low, double last_close) {
  const double top = high > last_close ? high : last_close, bottom = low < last_close ? low : last_close;
  return top - bottom;
}

/// ranges[i] of a block.
void true_ranges(const CandleBlock& candles, double* ranges);

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

  /// The atr alone, of a true range. REQUIRES: warm.
  double next(double range) { return range_.next(range); }
  static double natr(double atr, double close) { return 100.0 * (atr / close); }

  std::size_t warmup() const { return range_.period() + 1; }

 private:
  explicit Atr(std::size_t period) : range_(period) {}
  WilderMean range_;
  double last_close_ = 0.0;  // none yet: prices are above 0
};

inline std::optional<AtrValue> Atr::push(double high, double low, double close) {
  const double last = std::exchange(last_close_, close);
  if (last == 0.0) return std::nullopt;
  const std::optional<double> atr = range_.push(true_range(high, low, last));
  if (!atr) return std::nullopt;
  return AtrValue{*atr, natr(*atr, close)};
}

/// The columns atr_14 and natr.
class AtrColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 2> kInfo{{
      {"atr_14", "volatility", kQuoteUnit, "Wilder mean of 14 true ranges, the first candle has none", "Wilder 1978; TA-Lib ATR", 15, Atr::kStability, InputForm::kDifference, 14.0},
      {"natr", "volatility", "percent", "100 * atr_14 / C", "TA-Lib NATR", 15, Atr::kStability, InputForm::kOwn, 14.0},
  }};
  // clang-format on

  explicit AtrColumns(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) {
    const std::optional<AtrValue> value = atr_.push(candle.high, candle.low, candle.close);
    row[0] = value ? value->atr : kNaN;
    row[1] = value ? value->natr : kNaN;
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out);

 private:
  Atr atr_ = Atr::make(14).value();
};

}  // namespace mop::features
