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

/// Chaikin Money Flow, a fraction (-1..1): volume weighted by where in its range each candle closed.
///
///   cmf_t = sum(V * ((C - L) - (H - C)) / (H - L)) / sum(V) over n candles
///
/// Source: Chaikin's money flow (StockCharts ChartSchool, Chaikin Money Flow). A candle with H = L adds no
/// flow; a window without volume gives 0.
class Cmf {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 1..1000; anything else is kInvalidArgument.
  static Result<Cmf> make(std::size_t period);

  /// Feeds one finished candle. Empty until `warmup()` candles were seen.
  std::optional<double> push(double high, double low, double close, double volume);

  static double flow(double high, double low, double close, double volume) {
    const double range = high - low;
    return range == 0.0 ? 0.0 : volume * (((close - low) - (high - close)) / range);
  }
  static double value_of(double flow, double volume) { return volume == 0.0 ? 0.0 : flow / volume; }

  std::size_t warmup() const { return flow_.size(); }

 private:
  explicit Cmf(std::size_t period) : flow_(period), volume_(period) {}
  RollingSum flow_, volume_;
};

inline std::optional<double> Cmf::push(double high, double low, double close, double volume) {
  flow_.push(flow(high, low, close, volume));
  volume_.push(volume);
  if (!flow_.full()) return std::nullopt;
  return value_of(flow_.sum(), volume_.sum());
}

/// The column cmf, over 20 candles.
class CmfColumn {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 1> kInfo{{
      {"cmf", "volume", "fraction", "sum(V * ((C - L) - (H - C)) / (H - L)) / sum(V) over 20; 0 for H = L and for sum(V) = 0", "Chaikin, StockCharts", 20, Cmf::kStability},
  }};
  // clang-format on

  explicit CmfColumn(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) {
    row[0] = cmf_.push(candle.high, candle.low, candle.close, candle.volume).value_or(kNaN);
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const;

 private:
  static constexpr std::size_t kPeriod = 20;
  Cmf cmf_ = Cmf::make(kPeriod).value();
};

}  // namespace mop::features
