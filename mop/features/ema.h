#pragma once
#include <array>
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/indicator_info.h"
#include "mop/features/stability.h"

namespace mop::features {

/// Exponential moving average, in the unit of its input.
///
///   ema_t = ema_{t-1} + (x_t - ema_{t-1}) * 2 / (n + 1),   first value: the plain mean of the first n values
///
/// Source: TA-Lib EMA (classic seed).
class Ema {
 public:
  static constexpr Stability kStability = Stability::kConverging;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Ema> make(std::size_t period);

  /// Feeds one finite value. Empty until `warmup()` values were seen.
  std::optional<double> push(double value);

  /// The same without the question whether it is warm. REQUIRES: it is.
  double next(double value) { return mean_ += (value - mean_) * alpha_; }

  std::size_t warmup() const { return period_; }

 private:
  explicit Ema(std::size_t period) : period_(period), alpha_(2.0 / static_cast<double>(period + 1)) {}
  std::size_t period_;
  double alpha_;
  std::size_t seen_ = 0;
  double mean_ = 0.0;  // the sum while seeding
};

inline std::optional<double> Ema::push(double value) {
  if (seen_ < period_) {
    mean_ += value;
    if (++seen_ < period_) return std::nullopt;
    mean_ /= static_cast<double>(period_);
  } else {
    next(value);
  }
  return mean_;
}

/// The columns ema_10 to ema_200, of the close.
class EmaColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 5> kInfo{{
      {"ema_10", "trend", kQuoteUnit, "e += (C - e) * 2/11, from the mean of the first 10 C", "TA-Lib EMA", 10, Ema::kStability, InputForm::kDistance, 5.5},
      {"ema_20", "trend", kQuoteUnit, "e += (C - e) * 2/21, from the mean of the first 20 C", "TA-Lib EMA", 20, Ema::kStability, InputForm::kDistance, 10.5},
      {"ema_50", "trend", kQuoteUnit, "e += (C - e) * 2/51, from the mean of the first 50 C", "TA-Lib EMA", 50, Ema::kStability, InputForm::kDistance, 25.5},
      {"ema_100", "trend", kQuoteUnit, "e += (C - e) * 2/101, from the mean of the first 100 C", "TA-Lib EMA", 100, Ema::kStability, InputForm::kDistance, 50.5},
      {"ema_200", "trend", kQuoteUnit, "e += (C - e) * 2/201, from the mean of the first 200 C", "TA-Lib EMA", 200, Ema::kStability, InputForm::kDistance, 100.5},
  }};
  // clang-format on

  explicit EmaColumns(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) {
    for (std::size_t i = 0; i < means_.size(); ++i)
      row[i] = means_[i].push(candle.close).value_or(kNaN);
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out);

 private:
  std::array<Ema, 5> means_{Ema::make(10).value(), Ema::make(20).value(), Ema::make(50).value(),
                            Ema::make(100).value(), Ema::make(200).value()};
};

}  // namespace mop::features
