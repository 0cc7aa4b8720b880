#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/stability.h"
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

  std::size_t warmup() const { return flow_.size() + 1; }

 private:
  Mfi(std::size_t period, MfiRules rules) : flow_(period), rules_(rules) {}
  Window flow_;  // P V, negative for falls
  MfiRules rules_;
  std::optional<double> last_price_;
};

}  // namespace mop::features
