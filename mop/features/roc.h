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

/// Rate of change, in percent.
///
///   roc_t = 100 * (C_t / C_{t-n} - 1)
///
/// Source: TA-Lib ROC. A close n back of zero (no valid candle has one) gives 0, as in TA-Lib.
class Roc {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Roc> make(std::size_t period);

  /// Feeds the close of one finished candle. Empty until `warmup()` closes were seen.
  std::optional<double> push(double close);

  static double value_of(double close, double before) {
    return before == 0.0 ? 0.0 : 100.0 * (close / before - 1.0);
  }

  std::size_t warmup() const { return past_.size() + 1; }

 private:
  explicit Roc(std::size_t period) : past_(period) {}
  Window past_;  // closes before this one
};

inline std::optional<double> Roc::push(double close) {
  std::optional<double> value;
  if (past_.full()) value = value_of(close, past_.oldest());
  past_.push(close);
  return value;
}

/// The column roc_12.
class RocColumn {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 1> kInfo{{
      {"roc_12", "momentum", "percent", "100 * (C / C[12 back] - 1)", "TA-Lib ROC", 13, Roc::kStability},
  }};
  // clang-format on

  explicit RocColumn(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) { row[0] = roc_.push(candle.close).value_or(kNaN); }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const;

 private:
  static constexpr std::size_t kPeriod = 12;
  Roc roc_ = Roc::make(kPeriod).value();
};

}  // namespace mop::features
