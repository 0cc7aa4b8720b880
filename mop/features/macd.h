#pragma once
#include <array>
#include <cstddef>
#include <optional>

#include "mop/base/result.h"
#include "mop/features/candle_block.h"
#include "mop/features/candle_values.h"
#include "mop/features/edge_rules.h"
#include "mop/features/ema.h"
#include "mop/features/indicator_info.h"
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

  /// The same without the question whether it is warm. REQUIRES: it is.
  MacdValue next(double close) {
    const double line = fast_.next(close) - slow_.next(close);
    const double signal = signal_.next(line);
    return {line, signal, line - signal};
  }

  std::size_t warmup() const { return slow_.warmup() + signal_.warmup() - 1; }

 private:
  Macd(Ema fast, Ema slow, Ema signal) : fast_(fast), slow_(slow), signal_(signal) {}
  Ema fast_, slow_, signal_;
  std::size_t skipped_ = 0;  // closes the fast EMA did not see
};

inline std::optional<MacdValue> Macd::push(double close) {
  const std::optional<double> slow = slow_.push(close);
  if (skipped_ < slow_.warmup() - fast_.warmup()) {
    ++skipped_;
    return std::nullopt;
  }
  const std::optional<double> fast = fast_.push(close);
  if (!slow) return std::nullopt;
  const double line = *fast - *slow;
  const std::optional<double> signal = signal_.push(line);
  if (!signal) return std::nullopt;
  return MacdValue{line, *signal, line - *signal};
}

/// The columns macd, macd_signal and macd_histogram: 12, 26, 9.
class MacdColumns {
 public:
  // clang-format off
  static constexpr std::array<IndicatorInfo, 3> kInfo{{
      {"macd", "trend", kQuoteUnit, "EMA12(C) - EMA26(C), both begun at candle 26", "Appel 1985; TA-Lib MACD", 34, Macd::kStability, InputForm::kDifference, 13.5},
      {"macd_signal", "trend", kQuoteUnit, "EMA9(macd)", "Appel 1985; TA-Lib MACD", 34, Macd::kStability, InputForm::kDifference, 18.5},
      {"macd_histogram", "trend", kQuoteUnit, "macd - macd_signal", "Appel 1985; TA-Lib MACD", 34, Macd::kStability, InputForm::kDifference, 18.5},
  }};
  // clang-format on

  explicit MacdColumns(const EdgeRules&) {}
  void push(const CandleValues& candle, double* row) {
    const std::optional<MacdValue> value = macd_.push(candle.close);
    row[0] = value ? value->line : kNaN;
    row[1] = value ? value->signal : kNaN;
    row[2] = value ? value->histogram : kNaN;
  }
  void push_block(const CandleBlock& candles, const BlockColumns& out);

 private:
  Macd macd_ = Macd::make(12, 26, 9).value();
};

}  // namespace mop::features
