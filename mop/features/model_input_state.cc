#include "mop/features/model_input_state.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "mop/base/time.h"

namespace mop::features {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Lets NaN (warm-up) through, which std::max does or does not depending on the order of its arguments.
double at_least(double value, double least) {
  return value < least ? least : value;
}

// Keeps the sign and the order, tames the size: volumes have a heavy tail.
double compressed(double value) {
  return std::copysign(std::log1p(std::abs(value)), value);
}

// Distance of a price from the close, in sigmas.
double distance(double price, double close, double sigma) {
  return std::log(at_least(price / close, kLowestPriceRatio)) / sigma;
}

void map_prices(const RawRow& raw, double close, double sigma, ModelInputRow& row) {
  for (std::size_t f :
       {kOpen, kHigh, kLow, kBbUpper, kBbMiddle, kBbLower, kKcUpper, kKcMiddle, kKcLower, kHl2}) {
    row[f] = distance(raw[f], close, sigma);
  }
  for (std::size_t f = kSma10; f <= kEma200; ++f)
    row[f] = distance(raw[f], close, sigma);
  for (std::size_t f : {kMacd, kMacdSignal, kMacdHistogram, kBbWidth, kAtr14})
    row[f] = raw[f] / close / sigma;
  row[kRoc12] = std::log1p(raw[kRoc12] / 100.0) / (sigma * std::sqrt(12.0));
  row[kMomentum] = raw[kMomentum] / close / (sigma * std::sqrt(5.0));
  row[kPriceChange] = raw[kPriceChange] / sigma;
  row[kNatr] = std::log(at_least(raw[kNatr], kLeastNatr));
}

void map_oscillators(const RawRow& raw, ModelInputRow& row) {
  for (std::size_t f : {kRsi14, kRsi21, kStochasticK, kStochasticD, kMfi})
    row[f] = (raw[f] - 50.0) / 50.0;
  for (std::size_t f : {kAdx, kDiPlus, kDiMinus})
    row[f] = raw[f] / 50.0 - 0.5;
  row[kBbPercentB] = raw[kBbPercentB] - 0.5;
  row[kCmf] = raw[kCmf];
}

// Of the instant the next candle opens: that is the one the forecast is about.
void map_time(UnixMillis close_time, ModelInputRow& row) {
  const UnixMillis next_open = close_time + 1;
  const double day_angle = 2.0 * std::numbers::pi * static_cast<double>(next_open % kDay) / kDay;
  const auto weekday = (next_open / kDay + 3) % 7;  // 0 = Monday: 1970-01-01 was a Thursday
  const double week_angle = 2.0 * std::numbers::pi * static_cast<double>(weekday) / 7.0;
  row[kHourSin] = std::sin(day_angle);
  row[kHourCos] = std::cos(day_angle);
  row[kWeekdaySin] = std::sin(week_angle);
  row[kWeekdayCos] = std::cos(week_angle);
}

}  // namespace

ModelInputState::ModelInputState(market::Interval interval)
    : volatility_(EwmaVolatility::make(market::candles_per_day(interval)).value()),
      squared_returns_{RollingSum(1), RollingSum(4), RollingSum(24), RollingSum(96),
                       RollingSum(5 * market::candles_per_day(interval))},
      volume_day_(market::candles_per_day(interval)) {}

double ModelInputState::push(const CandleValues& candle, ModelInputRow& row) {
  row.fill(kNaN);
  raw_.push(candle, raw_row_);
  const Context context = advance(candle);
  map_oscillators(raw_row_, row);
  map_prices(raw_row_, candle.close, context.sigma, row);
  row[kClose] = context.log_return / context.sigma;
  map_volumes(candle, context, row);
  map_realised_volatility(candle, context, row);
  map_time(candle.close_time, row);
  return context.sigma;
}

ModelInputState::Context ModelInputState::advance(const CandleValues& candle) {
  const std::optional<CandleValues> last = std::exchange(last_, candle);
  Context context{kNaN, kNaN, kNaN, kNaN, kNaN};
  context.sigma = volatility_.push(candle.close).value_or(kNaN);
  volume_day_.push(candle.volume);
  if (volume_day_.full()) {
    context.usual = at_least(volume_day_.median(), kLeastMedianToMax * volume_day_.max());
  }
  if (last) {
    context.log_return = std::log(candle.close / last->close);
    context.last_close = last->close;
    context.last_volume = last->volume;
    for (RollingSum& sum : squared_returns_)
      sum.push(context.log_return * context.log_return);
  }
  return context;
}

void ModelInputState::map_volumes(const CandleValues& candle, const Context& context,
                                  ModelInputRow& row) const {
  // A day without any volume: this candle's ratio is 0 and there is no change of volume to speak of.
  const double ratio = context.usual == 0.0 ? 0.0 : candle.volume / context.usual;
  const double last_ratio = context.usual == 0.0 ? 0.0 : context.last_volume / context.usual;
  row[kVolume] = std::log(at_least(ratio, kLeastVolumeRatio));
  row[kVolumeChange] = std::log((ratio + kLeastVolumeRatio) / (last_ratio + kLeastVolumeRatio));
  const double direction = candle.close > context.last_close   ? 1.0
                           : candle.close < context.last_close ? -1.0
                                                               : 0.0;
  row[kObv] = compressed(direction * ratio);
  row[kVpt] = compressed(ratio * raw_row_[kPriceChange] / context.sigma);
}

void ModelInputState::map_realised_volatility(const CandleValues& candle, const Context& context,
                                              ModelInputRow& row) const {
  row[kLogSigma] = std::log(context.sigma);
  for (std::size_t i = 0; i < squared_returns_.size(); ++i) {
    const RollingSum& sum = squared_returns_[i];
    // at_least 0: what is left of a sum of squares after large ones have gone may be a rounding below it
    const double rms = sum.full() ? std::sqrt(at_least(sum.mean(), 0.0)) : kNaN;
    row[kHar1 + i] = std::log(context.sigma * at_least(rms / context.sigma, kLeastMoveInSigma));
  }
  const double range = std::log(candle.high / candle.low) / context.sigma;
  row[kLogRange] = std::log(at_least(range, kLeastRangeInSigma));
}

}  // namespace mop::features
