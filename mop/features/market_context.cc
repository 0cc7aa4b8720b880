#include "mop/features/market_context.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mop/base/check.h"
#include "mop/features/sigma.h"

namespace mop::features {
namespace {

constexpr std::string_view kBtc = "BTCUSDT";

void add_returns(const market::CandleSeries& coin, UnixMillis first_close,
                 std::vector<MarketReturns>& returns) {
  const DurationMillis step = market::length_of(coin.interval);
  for (std::size_t t = 1; t < coin.size(); ++t) {
    if (coin.open_time[t] - coin.open_time[t - 1] != step) continue;
    returns[static_cast<std::size_t>((coin.close_time(t) - first_close) / step)].add(
        coin.symbol, std::log(coin.close[t] / coin.close[t - 1]));
  }
}

}  // namespace

void MarketReturns::add(std::string_view symbol, double log_return) {
  if (symbol == kBtc) btc = log_return;
  total += log_return;
  ++coins;
}

InSigma::InSigma(market::Interval interval) : variance_(Ema::make(candles_per_day(interval)).value()) {}

double InSigma::push(double log_return) {
  const auto variance = variance_.push(log_return * log_return);
  return variance ? log_return / std::max(std::sqrt(*variance), kMinSigma) : 0.0;
}

MarketMove MarketState::push(const MarketReturns& returns) {
  MarketMove move;
  if (returns.coins == 0) return move;
  move.known = true;
  move.mean = returns.total / static_cast<double>(returns.coins);
  move.mean_in_sigma = mean_.push(move.mean);
  if (!std::isnan(returns.btc)) move.btc_in_sigma = btc_.push(returns.btc);
  return move;
}

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
  std::vector<MarketReturns> returns(static_cast<std::size_t>((last_close - first_close_) / step + 1));
  for (const market::CandleSeries& coin : coins) {
    MOP_CHECK(coin.size() == 0 || coin.interval == interval_) << coin.symbol << " has another interval";
    add_returns(coin, first_close_, returns);
  }
  MarketState state(interval_);
  moves_.reserve(returns.size());
  for (const MarketReturns& over_one_candle : returns)
    moves_.push_back(state.push(over_one_candle));
}

MarketMove MarketContext::at(UnixMillis close_time) const {
  const DurationMillis step = market::length_of(interval_);
  if (moves_.empty() || close_time < first_close_ || (close_time - first_close_) % step != 0) return {};
  const auto i = static_cast<std::size_t>((close_time - first_close_) / step);
  return i < moves_.size() ? moves_[i] : MarketMove{};
}

}  // namespace mop::features
