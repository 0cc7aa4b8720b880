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

/// Fractional change over one candle, of the close or of the volume (0.01 is one percent up).
///
///   change_t = x_t / x_{t-1} - 1
///
/// Source: pandas Series.pct_change. Differs in one case: after x_{t-1} = 0 (a candle without volume) it is
/// 0, not infinite.
class Change {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// Feeds one value, >= 0. Empty for the first one.
  std::optional<double> push(double value) {
    const std::optional<double> last = std::exchange(last_, value);
    if (!last) return std::nullopt;
    return value_of(value, *last);
  }

  static double value_of(double value, double last) { return last == 0.0 ? 0.0 : value / last - 1.0; }
  static void push_block(const double* values, std::size_t n, double* changes) {
    for (std::size_t i = 0; i < n; ++i)
      changes[i] = value_of(values[i], (values - 1)[i]);
  }

  std::size_t warmup() const { return 2; }

 private:
  std::optional<double> last_;
};

/// The column price_change.
class PriceChangeColumn {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 1> kInfo{{
      {"price_change", "momentum", "fraction", "C / C[1 back] - 1", "pandas pct_change", 2, Change::kStability},
  }};
  // clang-format on

  explicit PriceChangeColumn(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) { row[0] = change_.push(candle.close).value_or(kNaN); }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const {
    Change::push_block(candles.close, candles.n, out.column(0));
  }

 private:
  Change change_;
};

/// The column volume_change.
class VolumeChangeColumn {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 1> kInfo{{
      {"volume_change", "volume", "fraction", "V / V[1 back] - 1; 0 if V[1 back] = 0", "pandas pct_change", 2, Change::kStability},
  }};
  // clang-format on

  explicit VolumeChangeColumn(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) { row[0] = change_.push(candle.volume).value_or(kNaN); }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const {
    Change::push_block(candles.volume, candles.n, out.column(0));
  }

 private:
  Change change_;
};

}  // namespace mop::features
