#include "mop/features/market_context.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mop/base/check.h"
#include "mop/features/ema.h"
#include "mop/features/sigma.h"

namespace mop::features {
namespace {

constexpr std::string_view kBtc = "BTCUSDT";

struct Sums {
  double btc = std::numeric_limits<double>::quiet_NaN();  // log return
  double total = 0.0;                                     // of the coins' log returns
  std::size_t coins = 0;
};

// A return in units of the volatility known with it; 0 until that is.
class InSigma {
 public:
  explicit InSigma(market::Interval interval) : variance_(Ema::make(candles_per_day(interval)).value()) {}

  double push(double log_return) {
    const auto variance = variance_.push(log_return * log_return);
    return variance ? log_return / std::max(std::sqrt(*variance), kMinSigma) : 0.0;
  }

 private:
  Ema variance_;
};

void add_returns(const market::CandleSeries& coin, UnixMillis first_close, std::vector<Sums>& sums) {
  const DurationMillis step = market::length_of(coin.interval);
  for (std::size_t t = 1; t < coin.size(); ++t) {
    if (coin.open_time[t] - coin.open_time[t - 1] != step) continue;
    Sums& sum = sums[static_cast<std::size_t>((coin.close_time(t) - first_close) / step)];
    const double log_return = std::log(coin.close[t] / coin.close[t - 1]);
    if (coin.symbol == kBtc) sum.btc = log_return;
    sum.total += log_return;
    ++sum.coins;
  }
}

}  // namespace

MarketContext::MarketContext(std::span<const market::CandleSeries> coins) {
  UnixMillis last_close = std::numeric_limits<UnixMillis>::min();
  first_close_ = std::numeric_limits<UnixMillis>::max();
  for (const market::CandleSeries& coin : coins) {
    if (coin.size() == 0) continue;
    interval_ = coin.interval;
    first_close_ = std::min(first_close_, coin.close_time(0));
    last_close = std::max(last_close, coin.close_time(coin.size() - 1));
  }
  if (last_close < first_close_) return;
  const DurationMillis step = market::length_of(interval_);
  std::vector<Sums> sums(static_cast<std::size_t>((last_close - first_close_) / step + 1));
  for (const market::CandleSeries& coin : coins) {
    MOP_CHECK(coin.size() == 0 || coin.interval == interval_) << coin.symbol << " has another interval";
    add_returns(coin, first_close_, sums);
  }
  InSigma btc(interval_), mean(interval_);
  moves_.resize(sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (sums[i].coins == 0) continue;
    MarketMove& move = moves_[i];
    move.known = true;
    move.mean = sums[i].total / static_cast<double>(sums[i].coins);
    move.mean_in_sigma = mean.push(move.mean);
    if (!std::isnan(sums[i].btc)) move.btc_in_sigma = btc.push(sums[i].btc);
  }
}

MarketMove MarketContext::at(UnixMillis close_time) const {
  const DurationMillis step = market::length_of(interval_);
  if (moves_.empty() || close_time < first_close_ || (close_time - first_close_) % step != 0) return {};
  const auto i = static_cast<std::size_t>((close_time - first_close_) / step);
  return i < moves_.size() ? moves_[i] : MarketMove{};
}

}  // namespace mop::features
