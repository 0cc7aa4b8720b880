#pragma once
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/indicator_info.h"
#include "mop/features/stability.h"
#include "mop/features/window.h"

namespace mop::features {

/// Prices in quote currency; percent_b is a fraction (0 at the lower band, 1 at the upper one).
struct BollingerValue {
  double upper, middle, lower;
  double width;      // upper - lower
  double percent_b;  // (C - lower) / (upper - lower)
};

/// Bollinger Bands: a moving average with bands k population standard deviations above and below.
///
///   middle = SMA(C, n),   upper, lower = middle +- k * sqrt(mean((C - middle)^2))
///
/// Source: Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib BBANDS with a simple average. A window of
/// equal closes has width 0 and, the close lying on the middle, percent_b 0.5. Differs from TA-Lib in one
/// case: TA-Lib calls a variance below 1e-14 zero, an absolute amount that coins priced at 1e-5 fall below
/// while they move; and it takes the variance as mean(C^2) - mean(C)^2, which loses digits on narrow bands.
/// Here the deviations are taken from a close inside the window, see RollingMoments.
class Bollinger {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 2..1000, `deviations` > 0; anything else is kInvalidArgument.
  static Result<Bollinger> make(std::size_t period, double deviations);

  /// Feeds the close of one finished candle. Empty until `warmup()` closes were seen.
  std::optional<BollingerValue> push(double close);

  /// `offset`: of the middle from the close.
  BollingerValue value_of(double close, double offset, double variance) const {
    const double reach = deviations_ * std::sqrt(variance);
    const double middle = close + offset;
    const double percent_b = reach == 0.0 ? 0.5 : 0.5 - offset / (2.0 * reach);
    return {middle + reach, middle, middle - reach, 2.0 * reach, percent_b};
  }

  std::size_t warmup() const { return closes_.size(); }

 private:
  Bollinger(std::size_t period, double deviations) : closes_(period), deviations_(deviations) {}
  RollingMoments closes_;
  double deviations_;
};

inline std::optional<BollingerValue> Bollinger::push(double close) {
  closes_.push(close);
  if (!closes_.full()) return std::nullopt;
  return value_of(close, closes_.mean_from_last(), closes_.variance());
}

/// The columns bb_upper, bb_middle, bb_lower, bb_width and bb_percent_b: 20 candles, 2 deviations.
class BollingerColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 5> kInfo{{
      {"bb_upper", "volatility", kQuoteUnit, "bb_middle + 2 * population sd of the last 20 C", "Bollinger 2001; TA-Lib BBANDS", 20, Bollinger::kStability, InputForm::kDistance},
      {"bb_middle", "volatility", kQuoteUnit, "mean of the last 20 C", "Bollinger 2001; TA-Lib BBANDS", 20, Bollinger::kStability, InputForm::kDistance},
      {"bb_lower", "volatility", kQuoteUnit, "bb_middle - 2 * population sd of the last 20 C", "Bollinger 2001; TA-Lib BBANDS", 20, Bollinger::kStability, InputForm::kDistance},
      {"bb_width", "volatility", kQuoteUnit, "bb_upper - bb_lower", "Bollinger 2001", 20, Bollinger::kStability, InputForm::kDifference},
      {"bb_percent_b", "volatility", "fraction", "(C - bb_lower) / bb_width; 0.5 if bb_width = 0", "Bollinger 2001", 20, Bollinger::kStability},
  }};
  // clang-format on

  explicit BollingerColumns(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) {
    const std::optional<BollingerValue> value = bands_.push(candle.close);
    row[0] = value ? value->upper : kNaN;
    row[1] = value ? value->middle : kNaN;
    row[2] = value ? value->lower : kNaN;
    row[3] = value ? value->width : kNaN;
    row[4] = value ? value->percent_b : kNaN;
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const;

 private:
  static constexpr std::size_t kPeriod = 20;
  Bollinger bands_ = Bollinger::make(kPeriod, 2.0).value();
};

}  // namespace mop::features
