#pragma once
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "mop/base/result.h"
#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/indicator_info.h"
#include "mop/features/stability.h"
#include "mop/features/where.h"
#include "mop/features/window.h"

namespace mop::features {

/// How Mfi treats its two edge cases; the defaults are TA-Lib's.
struct MfiRules {
  double tie = 0.0;         // relative price difference up to which two typical prices count as equal
  double flat_value = 0.0;  // percent, for a window without money flow
};

/// Money Flow Index, in percent (0..100): the share of turnover in candles whose typical price rose.
///
///   P = (H + L + C) / 3,   mfi_t = 100 * sum(P V of rises) / sum(P V of rises and falls) over n changes
///
/// Source: Quong and Soudack (Technical Analysis of Stocks & Commodities, 1989); TA-Lib MFI. A candle whose P
/// did not change counts to neither side; a window without flow gives `flat_value`. Differs from TA-Lib in
/// one case: TA-Lib calls a flow below 1.0 none, a fixed amount of quote currency; here only 0 is none.
///
/// Equal sums of three prices often differ in the last bit as doubles, differently when the prices are
/// scaled; model inputs therefore use a tie of 1e-12.
class Mfi {
 public:
  static constexpr Stability kStability = Stability::kExact;

  /// `period` is in candles, 2..1000; anything else is kInvalidArgument.
  static Result<Mfi> make(std::size_t period, MfiRules rules = {});

  /// Feeds one finished candle. Empty until `warmup()` candles were seen.
  std::optional<double> push(double high, double low, double close, double volume);

  /// mfi[i] of a block. REQUIRES: warm.
  void push_block(const CandleBlock& candles, double* mfi) const;

  std::size_t warmup() const { return rises_.size() + 1; }

 private:
  Mfi(std::size_t period, MfiRules rules) : rises_(period), falls_(period), rules_(rules) {}
  static double typical(double high, double low, double close) { return (high + low + close) / 3.0; }
  double value_of(double rises, double falls) const {
    const double total = rises + falls;
    return total == 0.0 ? rules_.flat_value : 100.0 * (rises / total);
  }

  RollingSum rises_, falls_;  // P V
  MfiRules rules_;
  double last_price_ = 0.0;  // none yet: prices are above 0
};

inline std::optional<double> Mfi::push(double high, double low, double close, double volume) {
  const double price = typical(high, low, close);
  const double last = std::exchange(last_price_, price);
  if (last == 0.0) return std::nullopt;
  const double change = price - last;
  const double flow = price * volume;
  const double margin = rules_.tie * price;
  rises_.push(where(change > margin, flow));
  falls_.push(where(-change > margin, flow));
  if (!rises_.full()) return std::nullopt;
  return value_of(rises_.sum(), falls_.sum());
}

/// The column mfi, over 14 changes.
class MfiColumn {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 1> kInfo{{
      {"mfi", "volume", "percent", "100 * sum(P V of rises) / sum(P V of rises and falls) over 14, P = (H+L+C)/3; 0 without flow", "Quong, Soudack 1989; TA-Lib MFI", 15, Mfi::kStability, InputForm::kCentred},
  }};
  // clang-format on

  explicit MfiColumn(const EdgeRules& rules)
      : mfi_(Mfi::make(14, {.tie = rules.tie, .flat_value = rules.flat_value}).value()) {}
  void push(const CandleValues& candle, double* row) {
    row[0] = mfi_.push(candle.high, candle.low, candle.close, candle.volume).value_or(kNaN);
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out) const;

 private:
  Mfi mfi_;
};

}  // namespace mop::features
