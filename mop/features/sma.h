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
#include "mop/features/window.h"

namespace mop::features {

/// Simple moving average, in the unit of its input.
///
///   sma_t = (x_t + x_{t-1} + ... + x_{t-n+1}) / n
///
/// Source: TA-Lib SMA.
class Sma {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Sma> make(std::size_t period);

  /// Feeds one finite value. Empty until `warmup()` values were seen.
  std::optional<double> push(double value) {
    sum_.push(value);
    if (!sum_.full()) return std::nullopt;
    return sum_.mean();
  }

  std::size_t warmup() const { return sum_.size(); }

 private:
  explicit Sma(std::size_t period) : sum_(period) {}
  RollingSum sum_;
};

/// The columns sma_10 to sma_200, of the close.
class SmaColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 5> kInfo{{
      {"sma_10", "trend", kQuoteUnit, "mean of the last 10 C", "TA-Lib SMA", 10, Sma::kStability, InputForm::kDistance},
      {"sma_20", "trend", kQuoteUnit, "mean of the last 20 C", "TA-Lib SMA", 20, Sma::kStability, InputForm::kDistance},
      {"sma_50", "trend", kQuoteUnit, "mean of the last 50 C", "TA-Lib SMA", 50, Sma::kStability, InputForm::kDistance},
      {"sma_100", "trend", kQuoteUnit, "mean of the last 100 C", "TA-Lib SMA", 100, Sma::kStability, InputForm::kDistance},
      {"sma_200", "trend", kQuoteUnit, "mean of the last 200 C", "TA-Lib SMA", 200, Sma::kStability, InputForm::kDistance},
  }};
  // clang-format on

  explicit SmaColumns(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) {
    for (std::size_t i = 0; i < means_.size(); ++i)
      row[i] = means_[i].push(candle.close).value_or(kNaN);
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const;

 private:
  std::array<Sma, 5> means_{Sma::make(10).value(), Sma::make(20).value(), Sma::make(50).value(),
                            Sma::make(100).value(), Sma::make(200).value()};
};

}  // namespace mop::features
