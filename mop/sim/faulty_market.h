#pragma once
#include <cstddef>
#include <set>
#include <string_view>
#include <vector>

#include "mop/sim/fault_script.h"
#include "mop/sim/market_source.h"

namespace mop::sim {

/// A market as a request sees it that was hit by faults of the kinds gap, revise, duplicate, misalign and
/// listing; other kinds are ignored. For one thread at a time.
class FaultyMarket final : public MarketSource {
 public:
  /// `market` must outlive this.
  FaultyMarket(MarketSource& market, std::vector<Fault> faults);

  std::vector<Listing> listings(UnixMillis now) override;
  Result<std::vector<market::Candle>> candles(std::string_view symbol, market::Interval interval,
                                              const CandleWindow& window, UnixMillis now) override;
  /// Lines of the faults that have changed something that was asked for.
  const std::set<std::size_t>& touched() const { return touched_; }

 private:
  bool missing(const market::Candle& candle, std::string_view symbol, market::Interval interval);
  UnixMillis last_instant(std::string_view symbol, UnixMillis now);
  void apply(const Fault& fault, std::vector<market::Candle>& candles, UnixMillis now);

  MarketSource& market_;
  std::vector<Fault> faults_;
  std::set<std::size_t> touched_;
};

}  // namespace mop::sim
