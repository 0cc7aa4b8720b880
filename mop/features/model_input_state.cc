#include "mop/features/model_input_state.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "mop/base/time.h"

namespace mop::features {
namespace {

constexpr std::size_t kClose = raw_column("close"), kVolume = raw_column("volume"),
                      kRoc12 = raw_column("roc_12"), kMomentum = raw_column("momentum"),
                      kBbPercentB = raw_column("bb_percent_b"), kNatr = raw_column("natr"),
                      kObv = raw_column("obv"), kCmf = raw_column("cmf"), kVpt = raw_column("vpt"),
                      kPriceChange = raw_column("price_change"), kVolumeChange = raw_column("volume_change");

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

// The columns whose form is in the registry.
void map_by_form(const RawRow& raw, double close, double sigma, ModelInputRow& row) {
  for (std::size_t f = 0; f < kRawColumns; ++f) {
    switch (kRawInfo[f].form) {
      case InputForm::kOwn:
        break;
      case InputForm::kDistance:
        row[f] = distance(raw[f], close, sigma);
        break;
      case InputForm::kDifference:
        row[f] = raw[f] / close / sigma;
        break;
      case InputForm::kCentred:
        row[f] = (raw[f] - 50.0) / 50.0;
        break;
      case InputForm::kDirection:
        row[f] = raw[f] / 50.0 - 0.5;
        break;
    }
  }
}

void map_own(const RawRow& raw, double close, double sigma, ModelInputRow& row) {
  row[kRoc12] = std::log1p(raw[kRoc12] / 100.0) / (sigma * std::sqrt(12.0));
  row[kMomentum] = raw[kMomentum] / close / (sigma * std::sqrt(5.0));
  row[kPriceChange] = raw[kPriceChange] / sigma;
  row[kNatr] = std::log(at_least(raw[kNatr], kLeastNatr));
  row[kBbPercentB] = raw[kBbPercentB] - 0.5;
  row[kCmf] = raw[kCmf];
}

// Variance of the log price over one candle from its range alone.
double parkinson_variance(const CandleValues& candle) {
  const double range = std::log(candle.high / candle.low);
  return range * range / (4.0 * std::numbers::ln2);
}

// The same from range and body; not below 0.11 of the squared range, as the body lies inside it.
double garman_klass_variance(const CandleValues& candle) {
  const double range = std::log(candle.high / candle.low), body = std::log(candle.close / candle.open);
  return 0.5 * range * range - (2.0 * std::numbers::ln2 - 1.0) * body * body;
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

std::array<RollingSum, 5> har_sums(market::Interval interval) {
  return {RollingSum(1), RollingSum(4), RollingSum(24), RollingSum(96),
          RollingSum(5 * market::candles_per_day(interval))};
}

// ln of the root mean square over each horizon, not below a tenth of sigma.
void map_horizons(const std::array<RollingSum, 5>& sums, double sigma, double* row) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double rms = sums[i].full() ? std::sqrt(sums[i].mean()) : kNaN;
    row[i] = std::log(sigma * at_least(rms / sigma, kLeastMoveInSigma));
  }
}

}  // namespace

ModelInputState::ModelInputState(market::Interval interval)
    : volatility_(EwmaVolatility::make(market::candles_per_day(interval)).value()),
      squared_returns_(har_sums(interval)),
      parkinson_(har_sums(interval)),
      garman_klass_(har_sums(interval)),
      volume_day_(market::candles_per_day(interval)) {}

double ModelInputState::push(const CandleValues& candle, ModelInputRow& row, const MarketMove& market) {
  row.fill(kNaN);
  raw_.push(candle, raw_row_);
  const Context context = advance(candle);
  map_by_form(raw_row_, candle.close, context.sigma, row);
  map_own(raw_row_, candle.close, context.sigma, row);
  row[kClose] = context.log_return / context.sigma;
  map_volumes(candle, context, row);
  map_realised_volatility(candle, context, row);
  map_time(candle.close_time, row);
  map_taker(candle, row);
  map_market(market, context, row);
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
                                              ModelInputRow& row) {
  const double parkinson = parkinson_variance(candle), garman_klass = garman_klass_variance(candle);
  for (RollingSum& sum : parkinson_)
    sum.push(parkinson);
  for (RollingSum& sum : garman_klass_)
    sum.push(garman_klass);
  row[kLogSigma] = std::log(context.sigma);
  map_horizons(squared_returns_, context.sigma, &row[kHar1]);
  map_horizons(parkinson_, context.sigma, &row[kParkinson1]);
  map_horizons(garman_klass_, context.sigma, &row[kGarmanKlass1]);
  const double range = std::log(candle.high / candle.low) / context.sigma;
  row[kLogRange] = std::log(at_least(range, kLeastRangeInSigma));
}

// A candle that does not state its taker volume counts as balanced.
void ModelInputState::map_taker(const CandleValues& candle, ModelInputRow& row) {
  const double net = std::isnan(candle.taker_buy) ? 0.0 : 2.0 * candle.taker_buy - candle.volume;
  taker_net_.push(net);
  taker_volume_.push(candle.volume);
  row[kTakerImbalance] = candle.volume == 0.0 ? 0.0 : net / candle.volume;
  if (!taker_net_.full()) return;
  row[kTakerImbalance24] = taker_volume_.sum() == 0.0 ? 0.0 : taker_net_.sum() / taker_volume_.sum();
}

void ModelInputState::map_market(const MarketMove& market, const Context& context, ModelInputRow& row) {
  row[kBtcReturn] = market.btc_in_sigma;
  row[kMarketReturn] = market.mean_in_sigma;
  row[kRelativeReturn] = market.known ? (context.log_return - market.mean) / context.sigma
                                      : 0.0 * context.log_return * context.sigma;  // NaN in warm-up
  row[kBtcReturnBack] = std::exchange(last_btc_, market.btc_in_sigma);
  row[kMarketReturnBack] = std::exchange(last_mean_, market.mean_in_sigma);
}

}  // namespace mop::features
