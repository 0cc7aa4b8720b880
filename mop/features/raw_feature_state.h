// All raw columns fed one candle at a time. Batch results are this, in a loop.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "mop/features/adx.h"
#include "mop/features/atr.h"
#include "mop/features/bollinger.h"
#include "mop/features/candle_values.h"
#include "mop/features/change.h"
#include "mop/features/cmf.h"
#include "mop/features/ema.h"
#include "mop/features/keltner.h"
#include "mop/features/macd.h"
#include "mop/features/mfi.h"
#include "mop/features/momentum.h"
#include "mop/features/obv.h"
#include "mop/features/roc.h"
#include "mop/features/rsi.h"
#include "mop/features/sma.h"
#include "mop/features/stochastic.h"
#include "mop/features/vpt.h"

namespace mop::features {

/// Place of each column in raw_features() and in a row of RawFeatureState.
// clang-format off
enum RawColumn : std::uint8_t {
  kOpen, kHigh, kLow, kClose, kVolume,
  kSma10, kSma20, kSma50, kSma100, kSma200,
  kEma10, kEma20, kEma50, kEma100, kEma200,
  kRsi14, kRsi21, kMacd, kMacdSignal, kMacdHistogram, kStochasticK, kStochasticD, kRoc12, kMomentum,
  kBbUpper, kBbMiddle, kBbLower, kBbWidth, kBbPercentB,
  kAtr14, kNatr, kAdx, kDiPlus, kDiMinus, kKcUpper, kKcMiddle, kKcLower,
  kObv, kCmf, kMfi, kVpt, kPriceChange, kVolumeChange, kHl2,
  kRawColumns,  // how many
};
// clang-format on

/// One value per raw column, NaN where its warm-up is not over.
using RawRow = std::array<double, kRawColumns>;

/// How the oscillators treat their edge cases; the defaults are TA-Lib's, and so the raw columns'.
struct EdgeRules {
  double tie = 0.0;         // relative price difference up to which adx and mfi take two moves as equal
  double flat_value = 0.0;  // percent: rsi, stochastic and mfi of a window without any move or flow
};

class RawFeatureState {
 public:
  explicit RawFeatureState(EdgeRules rules = {});

  /// Feeds one finished candle and writes its row. Constant time, no allocation.
  void push(const CandleValues& candle, RawRow& row);

 private:
  void push_trend(const CandleValues& candle, RawRow& row);
  void push_oscillators(const CandleValues& candle, RawRow& row);
  void push_volatility(const CandleValues& candle, RawRow& row);
  void push_volume(const CandleValues& candle, RawRow& row);

  std::array<Sma, 5> sma_{Sma::make(10).value(), Sma::make(20).value(), Sma::make(50).value(),
                          Sma::make(100).value(), Sma::make(200).value()};
  std::array<Ema, 5> ema_{Ema::make(10).value(), Ema::make(20).value(), Ema::make(50).value(),
                          Ema::make(100).value(), Ema::make(200).value()};
  Rsi rsi_14_, rsi_21_;
  Macd macd_ = Macd::make(12, 26, 9).value();
  Stochastic stochastic_;
  Roc roc_ = Roc::make(12).value();
  Momentum momentum_ = Momentum::make(5).value();
  Bollinger bollinger_ = Bollinger::make(20, 2.0).value();
  Atr atr_ = Atr::make(14).value();
  Adx adx_;
  Keltner keltner_ = Keltner::make(20, 14, 2.0).value();
  Obv obv_;
  Cmf cmf_ = Cmf::make(20).value();
  Mfi mfi_;
  Vpt vpt_;
  Change price_change_, volume_change_;
};

}  // namespace mop::features
