// The candles a verb works with, read once: each coin's own, and those of all coins, for the market inputs.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mop/app/command.h"
#include "mop/base/result.h"
#include "mop/dataset/markets.h"
#include "mop/market/candle_series.h"
#include "mop/store/candle_store.h"
#include "mop/train/model.h"

namespace mop::app {

class StoredCandles {
 public:
  /// Every series of a known coin that the store has (as load_candles reads it), those candles that close in
  /// [since, until). A file that cannot be read fails when its coin is asked for, not here.
  static StoredCandles read(const Context& ctx, store::CandleStore& store, UnixMillis since = INT64_MIN,
                            UnixMillis until = INT64_MAX);

  /// One coin's candles for a kind of model, as train::intervals_of(kind).
  /// Errors: as CandleStore::load; kNotFound when none closes in the span.
  Result<std::vector<market::CandleSeries>> of(std::string_view symbol, train::Kind kind) const;

  /// All series with a candle, those of one timeframe together.
  std::span<const market::CandleSeries> all() const { return series_; }
  /// The end of the newest candle of all; 0 when there is none.
  UnixMillis newest_end() const;
  /// The coins among them, each once.
  std::vector<std::string> coins() const;

 private:
  using Key = std::pair<std::string, market::Interval>;

  std::vector<market::CandleSeries> series_;
  std::map<Key, std::size_t> place_;  // in series_
  std::map<Key, Error> errors_;       // why a series is not there
};

/// What a model reads besides its coin's own candles: the market it was trained with, as far as it is stored.
/// Errors: kNotFound when one of its coins is not stored, with the `mop fetch` that mends it.
Result<std::vector<market::CandleSeries>> market_coins_of(const train::TrainedModel& model,
                                                          const StoredCandles& candles);

}  // namespace mop::app
