#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mop/sim/market_source.h"

namespace mop::sim {

/// Candles of one symbol and interval to replay: closed, ascending, unique.
struct RecordedSeries {
  std::string symbol;
  market::Interval interval;
  std::vector<market::Candle> candles;
};

/// Replays recorded candles by the simulated clock, with their exact text padded to 8 places; columns that
/// were not recorded are sent as zeros. The candle that runs at `now` moves in a straight line from its open
/// to its close.
class RecordedMarket final : public MarketSource {
 public:
  explicit RecordedMarket(std::vector<RecordedSeries> series);

  /// Close time of the newest candle of all, 0 without any.
  UnixMillis last_close_time() const;

  std::vector<Listing> listings(UnixMillis now) override;
  Result<std::vector<market::Candle>> candles(std::string_view symbol, market::Interval interval,
                                              const CandleWindow& window, UnixMillis now) override;

 private:
  using Candles = std::vector<market::Candle>;
  std::map<std::string, std::map<market::Interval, Candles>, std::less<>> series_;
};

}  // namespace mop::sim
