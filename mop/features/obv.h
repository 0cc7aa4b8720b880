#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/indicator_info.h"
#include "mop/features/stability.h"
#include "mop/features/where.h"

namespace mop::features {

/// On-Balance Volume, in base currency.
///
///   obv_t = obv_{t-1} + V_t if C_t > C_{t-1}, - V_t if C_t < C_{t-1}, unchanged if equal;   obv_1 = V_1
///
/// Source: Granville, New Key to Stock Market Profits (1963); TA-Lib OBV. Its level says where the history
/// began, so only its differences mean anything.
class Obv {
 public:
  static constexpr Stability kStability = Stability::kPathDependent;

  /// Feeds one finished candle.
  double push(double close, double volume);

  static double step(double close, double last_close, double volume) {
    return where(close > last_close, volume) - where(close < last_close, volume);
  }
  double add(double step) { return total_ += step; }

  std::size_t warmup() const { return 1; }

 private:
  double total_ = 0.0;
  double last_close_ = 0.0;  // so that the first candle counts as a rise
};

inline double Obv::push(double close, double volume) {
  add(step(close, last_close_, volume));
  last_close_ = close;
  return total_;
}

/// The column obv.
class ObvColumn {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 1> kInfo{{
      {"obv", "volume", kBaseUnit, "running sum of V * sign(C - C[1 back]), from the first V", "Granville 1963; TA-Lib OBV", 1, Obv::kStability},
  }};
  // clang-format on

  explicit ObvColumn(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) { row[0] = obv_.push(candle.close, candle.volume); }
  void push_block(const CandleBlock& candles, const BlockColumns& out) {
    const double* last_close = candles.close - 1;
    double* const column = out.column(0);
    for (std::size_t i = 0; i < candles.n; ++i)
      column[i] = Obv::step(candles.close[i], last_close[i], candles.volume[i]);
    Obv obv = obv_;  // in registers
    for (std::size_t i = 0; i < candles.n; ++i)
      column[i] = obv.add(column[i]);
    obv_ = obv;
  }

 private:
  Obv obv_;
};

}  // namespace mop::features
