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

/// In percent (0..100).
struct StochasticValue {
  double k, d;
};

/// Slow stochastic oscillator: where the close lies within the range of the last n candles.
///
///   fast_t = 100 * (C_t - min L) / (max H - min L) over n candles,   k = SMA(fast, smooth),   d = SMA(k,
///   d_period)
///
/// Source: Lane, Lane's Stochastics (Technical Analysis of Stocks & Commodities, 1984); TA-Lib STOCH with
/// simple averages. A range of zero counts as `flat_value`, 0 as in TA-Lib unless another is asked for.
class Stochastic {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// Periods in candles, 1..1000; anything else is kInvalidArgument. `flat_value` in percent.
  static Result<Stochastic> make(std::size_t period, std::size_t smooth, std::size_t d_period,
                                 double flat_value = 0.0);

  /// Feeds one finished candle. Empty until `warmup()` candles were seen.
  std::optional<StochasticValue> push(double high, double low, double close);

  /// 100 * (C - lowest) / (highest - lowest).
  double fast(double highest, double lowest, double close) const {
    const double range = highest - lowest;
    return range == 0.0 ? flat_value_ : 100.0 * ((close - lowest) / range);
  }
  /// k[i] and d[i] of a block. REQUIRES: warm.
  void push_block(const CandleBlock& candles, double* k, double* d) const;

  std::size_t warmup() const { return high_.size() + fast_.size() + slow_.size() - 2; }

 private:
  Stochastic(std::size_t period, std::size_t smooth, std::size_t d_period, double flat_value)
      : high_(period), low_(period), fast_(smooth), slow_(d_period), flat_value_(flat_value) {}
  RollingMax high_;
  RollingMin low_;
  RollingSum fast_, slow_;
  double flat_value_;
};

inline std::optional<StochasticValue> Stochastic::push(double high, double low, double close) {
  high_.push(high);
  low_.push(low);
  if (!high_.full()) return std::nullopt;
  fast_.push(fast(high_.value(), low_.value(), close));
  if (!fast_.full()) return std::nullopt;
  const double k = fast_.mean();
  slow_.push(k);
  if (!slow_.full()) return std::nullopt;
  return StochasticValue{k, slow_.mean()};
}

/// The columns stochastic_k and stochastic_d: 14, 3, 3.
class StochasticColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 2> kInfo{{
      {"stochastic_k", "momentum", "percent", "SMA3 of 100 * (C - min L) / (max H - min L) over 14; 0 if max H = min L", "Lane 1984; TA-Lib STOCH", 18, Stochastic::kStability, InputForm::kCentred},
      {"stochastic_d", "momentum", "percent", "SMA3(stochastic_k)", "Lane 1984; TA-Lib STOCH", 18, Stochastic::kStability, InputForm::kCentred},
  }};
  // clang-format on

  explicit StochasticColumns(const EdgeRules& rules)
      : stochastic_(Stochastic::make(14, 3, 3, rules.flat_value).value()) {}
  void push(const CandleValues& candle, double* row) {
    const std::optional<StochasticValue> value = stochastic_.push(candle.high, candle.low, candle.close);
    row[0] = value ? value->k : kNaN;
    row[1] = value ? value->d : kNaN;
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const;

 private:
  Stochastic stochastic_;
};

}  // namespace mop::features
