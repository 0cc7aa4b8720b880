#pragma once
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/ema.h"
#include "mop/features/stability.h"

namespace mop::features {

/// In the unit of the close (quote currency).
struct MacdValue {
  double line, signal, histogram;
};

/// Moving Average Convergence/Divergence.
///
///   line_t = EMA_fast(C)_t - EMA_slow(C)_t,   signal_t = EMA_signal(line)_t,   histogram_t = line_t -
///   signal_t
///
/// Source: Appel, The Moving Average Convergence-Divergence Trading Method (1985); TA-Lib MACD, whose
/// alignment is kept: the fast EMA is seeded with the `fast` closes that end where the slow one has its first
/// value, so both begin together, and nothing is returned before the signal is there.
class Macd {
 public:
  static constexpr Stability kStability = Stability::kConverging;

  /// Periods in candles: 2 <= fast < slow <= 1000, 1 <= signal <= 1000; anything else is kInvalidArgument.
  static Result<Macd> make(std::size_t fast, std::size_t slow, std::size_t signal);

  /// Feeds the close of one finished candle. Empty until `warmup()` closes were seen.
  std::optional<MacdValue> push(double close);

  std::size_t warmup() const { return slow_.warmup() + signal_.warmup() - 1; }

 private:
  Macd(Ema fast, Ema slow, Ema signal) : fast_(fast), slow_(slow), signal_(signal) {}
  Ema fast_, slow_, signal_;
  std::size_t skipped_ = 0;  // closes the fast EMA did not see
};

}  // namespace mop::features
