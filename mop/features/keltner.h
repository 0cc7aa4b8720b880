#pragma once
#include <array>
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/atr.h"
#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/ema.h"
#include "mop/features/indicator_info.h"
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

  /// The same of a close and a true range, without the question whether it is warm. REQUIRES: it is.
  KeltnerValue next(double close, double range) { return value_of(ema_.next(close), atr_.next(range)); }

  std::size_t warmup() const;

 private:
  Keltner(Ema ema, Atr atr, double multiple) : ema_(ema), atr_(atr), multiple_(multiple) {}
  Ema ema_;
  Atr atr_;
  KeltnerValue value_of(double middle, double atr) const {
    const double reach = multiple_ * atr;
    return {middle + reach, middle, middle - reach};
  }
  double multiple_;
};

inline std::optional<KeltnerValue> Keltner::push(double high, double low, double close) {
  const std::optional<double> middle = ema_.push(close);
  const std::optional<AtrValue> range = atr_.push(high, low, close);
  if (!middle || !range) return std::nullopt;
  return value_of(*middle, range->atr);
}

/// The columns kc_upper, kc_middle and kc_lower: EMA 20, twice the ATR 14.
class KeltnerColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 3> kInfo{{
      {"kc_upper", "volatility", kQuoteUnit, "kc_middle + 2 * atr_14", "Keltner 1960, Raschke", 20, Keltner::kStability, InputForm::kDistance, 14.0},
      {"kc_middle", "volatility", kQuoteUnit, "EMA20(C)", "Keltner 1960, Raschke", 20, Keltner::kStability, InputForm::kDistance, 10.5},
      {"kc_lower", "volatility", kQuoteUnit, "kc_middle - 2 * atr_14", "Keltner 1960, Raschke", 20, Keltner::kStability, InputForm::kDistance, 14.0},
  }};
  // clang-format on

  explicit KeltnerColumns(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) {
    const std::optional<KeltnerValue> value = channel_.push(candle.high, candle.low, candle.close);
    row[0] = value ? value->upper : kNaN;
    row[1] = value ? value->middle : kNaN;
    row[2] = value ? value->lower : kNaN;
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out);

 private:
  Keltner channel_ = Keltner::make(20, 14, 2.0).value();
};

}  // namespace mop::features
