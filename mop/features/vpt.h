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

namespace mop::features {

/// Volume Price Trend, in base currency.
///
///   vpt_t = vpt_{t-1} + V_t * (C_t / C_{t-1} - 1),   vpt_1 = 0
///
/// Source: StockCharts ChartSchool, Price Volume Trend. Its level says where the history began, so only its
/// differences mean anything.
class Vpt {
 public:
  static constexpr Stability kStability = Stability::kPathDependent;

  /// Feeds one finished candle (close > 0).
  double push(double close, double volume);

  static double step(double close, double last_close, double volume) {
    return volume * (close / last_close - 1.0);
  }
  double add(double step) { return total_ += step; }

  std::size_t warmup() const { return 1; }

 private:
  double total_ = 0.0;
  double last_close_ = 0.0;  // none yet
};

inline double Vpt::push(double close, double volume) {
  if (last_close_ > 0.0) add(step(close, last_close_, volume));
  last_close_ = close;
  return total_;
}

/// The column vpt.
class VptColumn {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 1> kInfo{{
      {"vpt", "volume", kBaseUnit, "running sum of V * (C / C[1 back] - 1), from 0", "StockCharts PVT", 1, Vpt::kStability},
  }};
  // clang-format on

  explicit VptColumn(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) { row[0] = vpt_.push(candle.close, candle.volume); }
  void push_block(const CandleBlock& candles, const BlockColumns& out) {
    const double* last_close = candles.close - 1;
    double* const column = out.column(0);
    for (std::size_t i = 0; i < candles.n; ++i)
      column[i] = Vpt::step(candles.close[i], last_close[i], candles.volume[i]);
    Vpt vpt = vpt_;  // in registers
    for (std::size_t i = 0; i < candles.n; ++i)
      column[i] = vpt.add(column[i]);
    vpt_ = vpt;
  }

 private:
  Vpt vpt_;
};

}  // namespace mop::features
