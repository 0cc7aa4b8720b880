// What the whole market did at each candle: context that every coin's inputs share.
#pragma once
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "mop/base/time.h"
#include "mop/features/ema.h"
#include "mop/market/candle_series.h"

namespace mop::features {

/// The market over one candle, dimensionless. All 0 where nothing is known: a market that did not move.
struct MarketMove {
  double btc_in_sigma = 0.0;   // BTCUSDT's log return over its own sigma (sigma.h)
  double mean_in_sigma = 0.0;  // `mean` over the sigma of the means
  double mean = 0.0;           // mean log return of the coins, each counted once
  bool known = false;          // at least one coin has a return that ends here
};

/// Log returns of the coins over one candle, each coin at most once, in the order they are added: a sum of
/// doubles depends on it.
struct MarketReturns {
  double btc = std::numeric_limits<double>::quiet_NaN();  // of BTCUSDT, NaN where it has none
  double total = 0.0;
  std::size_t coins = 0;

  void add(std::string_view symbol, double log_return);
};

/// A log return over the volatility known with it: an exponential mean of squared returns with a span of one
/// day, begun as the mean of the first day; 0 until that is there.
class InSigma {
 public:
  explicit InSigma(market::Interval interval);
  double push(double log_return);

 private:
  Ema variance_;
};

/// The market fed one candle at a time, the live form of MarketContext, which is this in a loop: bit for bit
/// the same from the same start. A candle over which no coin has a return changes nothing.
class MarketState {
 public:
  explicit MarketState(market::Interval interval) : btc_(interval), mean_(interval) {}
  MarketMove push(const MarketReturns& returns);

 private:
  InSigma btc_, mean_;
};

/// Log returns of BTCUSDT and of the equal-weight market, by close time. A return counts at the close of its
/// own candle and only where the candle before it is there too; a move at T depends on candles that close at
/// T or before, never later. A hole of the market does not restart its sigmas.
class MarketContext {
 public:
  /// `coins` in any order, the coin whose inputs are wanted among them or not. REQUIRES: one interval.
  explicit MarketContext(std::span<const market::CandleSeries> coins);

  /// The move over the candle that closes at `close_time`.
  MarketMove at(UnixMillis close_time) const;
  market::Interval interval() const { return interval_; }

 private:
  market::Interval interval_ = market::Interval::k1h;
  UnixMillis first_close_ = 0;
  std::vector<MarketMove> moves_;  // one per candle of the grid from first_close_ on
};

}  // namespace mop::features
