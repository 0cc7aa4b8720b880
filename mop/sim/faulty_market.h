#pragma once
#include <string_view>
#include <vector>

#include "mop/sim/fault_script.h"
#include "mop/sim/market_source.h"

namespace mop::sim {

/// A market as a request sees it that was hit by faults of the kinds gap, revise, duplicate, misalign and
/// listing; other kinds are ignored. As thread-safe as the market behind it.
class FaultyMarket final : public MarketSource {
 public:
  /// `market` must outlive this.
  FaultyMarket(MarketSource& market, std::vector<Fault> faults);

  std::vector<Listing> listings(UnixMillis now) override;
  Result<std::vector<market::Candle>> candles(std::string_view symbol, market::Interval interval,
                                              const CandleWindow& window, UnixMillis now) override;

 private:
  bool missing(const market::Candle& candle, std::string_view symbol, market::Interval interval) const;
  UnixMillis last_instant(std::string_view symbol, UnixMillis now) const;

  MarketSource& market_;
  std::vector<Fault> faults_;
};

}  // namespace mop::sim
