#include "mop/features/raw_feature_state.h"

#include <limits>

#include "mop/features/hl2.h"

namespace mop::features {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

RawFeatureState::RawFeatureState(EdgeRules rules)
    : rsi_14_(Rsi::make(14, rules.flat_value).value()),
      rsi_21_(Rsi::make(21, rules.flat_value).value()),
      stochastic_(Stochastic::make(14, 3, 3, rules.flat_value).value()),
      adx_(Adx::make(14, rules.tie).value()),
      mfi_(Mfi::make(14, {.tie = rules.tie, .flat_value = rules.flat_value}).value()) {}

void RawFeatureState::push(const CandleValues& candle, RawRow& row) {
  row.fill(kNaN);
  row[kOpen] = candle.open;
  row[kHigh] = candle.high;
  row[kLow] = candle.low;
  row[kClose] = candle.close;
  row[kVolume] = candle.volume;
  push_trend(candle, row);
  push_oscillators(candle, row);
  push_volatility(candle, row);
  push_volume(candle, row);
  row[kHl2] = hl2(candle.high, candle.low);
}

void RawFeatureState::push_trend(const CandleValues& candle, RawRow& row) {
  for (std::size_t i = 0; i < sma_.size(); ++i) {
    row[kSma10 + i] = sma_[i].push(candle.close).value_or(kNaN);
    row[kEma10 + i] = ema_[i].push(candle.close).value_or(kNaN);
  }
  if (const auto macd = macd_.push(candle.close)) {
    row[kMacd] = macd->line;
    row[kMacdSignal] = macd->signal;
    row[kMacdHistogram] = macd->histogram;
  }
}

void RawFeatureState::push_oscillators(const CandleValues& candle, RawRow& row) {
  row[kRsi14] = rsi_14_.push(candle.close).value_or(kNaN);
  row[kRsi21] = rsi_21_.push(candle.close).value_or(kNaN);
  if (const auto stochastic = stochastic_.push(candle.high, candle.low, candle.close)) {
    row[kStochasticK] = stochastic->k;
    row[kStochasticD] = stochastic->d;
  }
  row[kRoc12] = roc_.push(candle.close).value_or(kNaN);
  row[kMomentum] = momentum_.push(candle.close).value_or(kNaN);
  row[kPriceChange] = price_change_.push(candle.close).value_or(kNaN);
}

void RawFeatureState::push_volatility(const CandleValues& candle, RawRow& row) {
  if (const auto bands = bollinger_.push(candle.close)) {
    row[kBbUpper] = bands->upper;
    row[kBbMiddle] = bands->middle;
    row[kBbLower] = bands->lower;
    row[kBbWidth] = bands->width;
    row[kBbPercentB] = bands->percent_b;
  }
  if (const auto range = atr_.push(candle.high, candle.low, candle.close)) {
    row[kAtr14] = range->atr;
    row[kNatr] = range->natr;
  }
  if (const auto movement = adx_.push(candle.high, candle.low, candle.close)) {
    row[kAdx] = movement->adx.value_or(kNaN);
    row[kDiPlus] = movement->di_plus;
    row[kDiMinus] = movement->di_minus;
  }
  if (const auto channel = keltner_.push(candle.high, candle.low, candle.close)) {
    row[kKcUpper] = channel->upper;
    row[kKcMiddle] = channel->middle;
    row[kKcLower] = channel->lower;
  }
}

void RawFeatureState::push_volume(const CandleValues& candle, RawRow& row) {
  row[kObv] = obv_.push(candle.close, candle.volume);
  row[kCmf] = cmf_.push(candle.high, candle.low, candle.close, candle.volume).value_or(kNaN);
  row[kMfi] = mfi_.push(candle.high, candle.low, candle.close, candle.volume).value_or(kNaN);
  row[kVpt] = vpt_.push(candle.close, candle.volume);
  row[kVolumeChange] = volume_change_.push(candle.volume).value_or(kNaN);
}

}  // namespace mop::features
