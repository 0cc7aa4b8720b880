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

/// Momentum, in quote currency.
///
///   momentum_t = C_t - C_{t-n}
///
/// Source: TA-Lib MOM.
class Momentum {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Momentum> make(std::size_t period);

  /// Feeds the close of one finished candle. Empty until `warmup()` closes were seen.
  std::optional<double> push(double close);

  std::size_t warmup() const { return past_.size() + 1; }

 private:
  explicit Momentum(std::size_t period) : past_(period) {}
  Window past_;  // closes before this one
};

inline std::optional<double> Momentum::push(double close) {
  std::optional<double> value;
  if (past_.full()) value = close - past_.oldest();
  past_.push(close);
  return value;
}

/// The column momentum, over 5 candles.
class MomentumColumn {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 1> kInfo{{
      {"momentum", "momentum", kQuoteUnit, "C - C[5 back]", "TA-Lib MOM", 6, Momentum::kStability},
  }};
  // clang-format on

  explicit MomentumColumn(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) { row[0] = momentum_.push(candle.close).value_or(kNaN); }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const;

 private:
  static constexpr std::size_t kPeriod = 5;
  Momentum momentum_ = Momentum::make(kPeriod).value();
};

}  // namespace mop::features
