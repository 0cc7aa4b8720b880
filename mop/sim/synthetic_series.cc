#include "mop/sim/synthetic_series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace mop::sim {
namespace {

constexpr DurationMillis kStep = 15 * kMinute;
constexpr double kStepsPerDay = 96.0;
constexpr std::int64_t kFewestTicks = 20;  // below, rounding to ticks would be all there is
constexpr double kFactorShare = 0.75;      // of a coin's volatility in the realistic market
// Realistic market: half-life of 200 days of the way back to the first price. It keeps a coin within a few
// times that price for years and explains less than 0.01 % of a 15m return's variance.
constexpr double kPull = 0.6931471805599453 / (200.0 * kStepsPerDay);

// The quarter of an hour that an instant is in.
constexpr std::int64_t step_of(UnixMillis at) {
  return at / kStep;
}

constexpr std::uint64_t kFactorStream = 1, kCloseStream = 2, kDiceStream = 3;

// Noise-free market. Periods in 15m candles; no two are in a ratio of small whole numbers.
constexpr std::array<double, 3> kPeriods{61.803398875, 147.112767430, 389.564393242};
constexpr double kMeanMove = 0.0013;  // mean absolute log return per 15m candle

std::uint64_t hash_of(std::string_view text) {  // FNV-1a
  std::uint64_t h = 0xcbf29ce484222325ull;
  for (const char c : text)
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return h;
}

double uniform(std::uint32_t bits) {
  return (static_cast<double>(bits) + 0.5) * 0x1.0p-32;
}  // (0, 1)

double normal(std::uint32_t a, std::uint32_t b) {
  return std::sqrt(-2.0 * std::log(uniform(a))) * std::cos(2.0 * std::numbers::pi * uniform(b));
}

// Log price around its middle at time t (15m candles since the epoch). Each sinusoid moves equally fast, so
// the move per candle is nearly Gaussian: mean absolute value = sqrt(2/pi) times the root mean square.
double noise_free_log_price(double t, std::uint64_t key) {
  const double rms = kMeanMove / std::sqrt(2.0 / std::numbers::pi);
  const double speed = rms * std::sqrt(2.0 / static_cast<double>(kPeriods.size()));
  double sum = 0.0;
  for (std::size_t k = 0; k < kPeriods.size(); ++k) {
    const double omega = 2.0 * std::numbers::pi / kPeriods[k];
    const double phase = 2.0 * std::numbers::pi * uniform(philox(key, {7, 0, 0, 0})[k]);
    sum += speed / omega * std::sin(omega * t + phase);
  }
  return sum;
}

// Way of the price inside a bar: straight lines from open over one extreme and the other to close.
struct Way {
  std::array<double, 4> minute, price;

  double at(double m) const {
    std::size_t leg = 0;
    while (leg + 2 < minute.size() && m > minute[leg + 1])
      ++leg;
    const double part = (m - minute[leg]) / (minute[leg + 1] - minute[leg]);
    return price[leg] + part * (price[leg + 1] - price[leg]);
  }
};

Way way_through(const Bar& bar, std::uint32_t dice) {
  const double first = 1.0 + dice % 6, second = 8.0 + (dice >> 8) % 6;  // minutes 1..6 and 8..13
  const bool high_first = ((dice >> 16) & 1) != 0;
  const auto high = static_cast<double>(bar.high), low = static_cast<double>(bar.low);
  return {{0.0, first, second, 15.0},
          {static_cast<double>(bar.open), high_first ? high : low, high_first ? low : high,
           static_cast<double>(bar.close)}};
}

// What a bar shows after `minutes` of its 15.
Bar part_of(const Bar& whole, const Way& way, int minutes, std::int64_t tick_units) {
  Bar bar = whole;
  bar.high = bar.low = bar.close = whole.open;
  for (int m = 1; m <= minutes; ++m) {
    const double ticks = way.at(m) / static_cast<double>(tick_units);
    const auto price = std::clamp<std::int64_t>(std::llround(ticks) * tick_units, whole.low, whole.high);
    bar.high = std::max(bar.high, price);
    bar.low = std::min(bar.low, price);
    bar.close = price;
  }
  for (std::int64_t* sum : {&bar.volume, &bar.taker_base, &bar.quote_volume, &bar.taker_quote, &bar.trades}) {
    *sum = static_cast<std::int64_t>(static_cast<double>(*sum) * minutes / 15.0);
  }
  return bar;
}

}  // namespace

MarketFactor::MarketFactor(std::uint64_t seed, UnixMillis start) : rng_(seed, kFactorStream), start_(start) {}

double MarketFactor::value(std::size_t index) {
  const std::lock_guard lock(mutex_);
  while (values_.size() <= index) {
    const auto step = volatility_.next(rng_);
    const UnixMillis t = start_ + static_cast<DurationMillis>(values_.size()) * kStep;
    values_.push_back(static_cast<float>(season_factor(t) * step.sigma * step.shock));
  }
  return static_cast<double>(values_[index]);
}

SyntheticSeries::SyntheticSeries(const SyntheticOptions& options, std::string_view symbol, double tick_size,
                                 UnixMillis start, MarketFactor& factor)
    : options_(options),
      profile_(coin_profile(symbol)),
      start_(start),
      tick_units_(std::max<std::int64_t>(1, std::llround(tick_size / kUnit))),
      key_(options.seed ^ hash_of(symbol)),
      candle_sigma_(profile_.daily_volatility / std::sqrt(kStepsPerDay)),
      factor_(factor),
      rng_(key_, kCloseStream),
      log_price_(std::log(profile_.price)) {}

std::int64_t SyntheticSeries::to_units(double price) const {
  const auto ticks = std::llround(price / kUnit / static_cast<double>(tick_units_));
  return std::max<std::int64_t>(1, ticks) * tick_units_;
}

// Draws the next candle's log return into the state and gives the new log price. REQUIRES: mutex_ held.
double SyntheticSeries::next_log_price() {
  const std::size_t index = closes_.size();
  const UnixMillis open_time = start_ + static_cast<DurationMillis>(index) * kStep;
  last_sigma_ = candle_sigma_;
  switch (options_.kind) {
    case MarketKind::kWalk:
      last_return_ = candle_sigma_ * rng_.normal();
      break;
    case MarketKind::kPlanted: {
      const double noise = candle_sigma_ * std::sqrt(1.0 - kPlantedCoefficient * kPlantedCoefficient);
      last_return_ = kPlantedCoefficient * last_return_ + noise * rng_.normal();
      break;
    }
    case MarketKind::kNoiseFree:
      last_sigma_ = 0.0;
      return std::log(profile_.price) +
             noise_free_log_price(static_cast<double>(step_of(open_time) + 1), key_);
    case MarketKind::kRealistic: {
      const auto own = volatility_.next(rng_);
      const double own_sigma =
          std::sqrt(1.0 - kFactorShare * kFactorShare) * season_factor(open_time) * own.sigma;
      const auto since_market_start = static_cast<std::size_t>((open_time - options_.start) / kStep);
      const double common = kFactorShare * factor_.value(since_market_start);
      last_return_ =
          candle_sigma_ * (common + own_sigma * own.shock) - kPull * (log_price_ - std::log(profile_.price));
      last_sigma_ = candle_sigma_ * std::sqrt(common * common + own_sigma * own_sigma);
      break;
    }
  }
  return log_price_ + last_return_;
}

void SyntheticSeries::draw_next() {
  const double floor = std::log(static_cast<double>(kFewestTicks * tick_units_) * kUnit);
  log_price_ = std::max(floor, next_log_price());
  closes_.push_back(to_units(std::exp(log_price_)));
  sigmas_.push_back(static_cast<float>(last_sigma_));
}

SyntheticSeries::Point SyntheticSeries::point(std::size_t index) {
  const std::lock_guard lock(mutex_);
  while (closes_.size() <= index)
    draw_next();
  double first = profile_.price;
  if (options_.kind == MarketKind::kNoiseFree) {
    first *= std::exp(noise_free_log_price(static_cast<double>(step_of(start_)), key_));
  }
  return {index > 0 ? closes_[index - 1] : to_units(first), closes_[index],
          static_cast<double>(sigmas_[index])};
}

Bar SyntheticSeries::whole_bar(const Point& p, std::size_t index, const PhiloxBlock& dice) const {
  const auto open = static_cast<double>(p.open);
  const double move = std::log(static_cast<double>(p.close) / open), variance = p.sigma * p.sigma;
  // Extremes of a Brownian bridge from 0 to `move`: P(max > m) = exp(-2 m (m - move) / variance).
  const double up = 0.5 * (move + std::sqrt(move * move - 2.0 * variance * std::log(uniform(dice[0]))));
  const double down = 0.5 * (move - std::sqrt(move * move - 2.0 * variance * std::log(uniform(dice[1]))));
  Bar bar;
  bar.open = p.open;
  bar.close = p.close;
  bar.high = std::max({p.open, p.close, to_units(open * std::exp(up) * kUnit)});
  bar.low = std::min({p.open, p.close, to_units(open * std::exp(down) * kUnit)});
  add_volume(bar, p, index, dice);
  return bar;
}

void SyntheticSeries::add_volume(Bar& bar, const Point& p, std::size_t index, const PhiloxBlock& dice) const {
  const bool noisy = options_.kind != MarketKind::kNoiseFree;
  const PhiloxBlock more = philox(key_, {static_cast<std::uint32_t>(index), 1, kDiceStream, 0});
  const double noise = noisy ? normal(dice[2], dice[3]) : 0.0, lean = noisy ? normal(more[0], more[1]) : 0.0;
  const double move = std::log(static_cast<double>(p.close) / static_cast<double>(p.open)) / candle_sigma_;
  const double activity = noisy ? std::pow(p.sigma / candle_sigma_, 1.2) : 1.0;
  const double price = static_cast<double>(bar.open + bar.high + bar.low + bar.close) / 4.0 * kUnit;
  const double quote = profile_.daily_quote_volume / kStepsPerDay * activity * (0.7 + 0.4 * std::abs(move)) *
                       std::exp(0.35 * noise - 0.06);
  const double steps_per_coin = std::pow(10.0, profile_.quantity_decimals);
  const double step_value = price / steps_per_coin / kUnit;  // units of quote currency
  bar.volume = std::max<std::int64_t>(1, std::llround(quote / price * steps_per_coin));
  bar.quote_volume = std::llround(static_cast<double>(bar.volume) * step_value);
  const double taker = std::clamp(0.5 + 0.12 * std::tanh(move) + 0.03 * lean, 0.05, 0.95);
  bar.taker_base = static_cast<std::int64_t>(static_cast<double>(bar.volume) * taker);
  bar.taker_quote = std::llround(static_cast<double>(bar.taker_base) * step_value);
  bar.trades = std::max<std::int64_t>(1, std::llround(quote / 900.0 * std::exp(0.2 * lean)));
}

Bar SyntheticSeries::bar(std::size_t index, int minutes) {
  const Point p = point(index);
  const PhiloxBlock dice = philox(key_, {static_cast<std::uint32_t>(index), 0, kDiceStream, 0});
  const Bar whole = whole_bar(p, index, dice);
  if (minutes >= 15) return whole;
  const std::uint32_t way_dice = philox(key_, {static_cast<std::uint32_t>(index), 2, kDiceStream, 0})[0];
  return part_of(whole, way_through(whole, way_dice), minutes, tick_units_);
}

}  // namespace mop::sim
