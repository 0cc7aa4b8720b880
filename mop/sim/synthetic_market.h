// A market made up from a seed: the same seed gives the same candles in every run. On machines whose exp, log
// or cos round differently a price may differ by a tick.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mop/sim/market_source.h"

namespace mop::sim {

enum class MarketKind : std::uint8_t {
  kWalk,       // log price a random walk of constant volatility: nothing to forecast
  kPlanted,    // the next 15m log return is kPlantedCoefficient times this one plus noise: 2 % to forecast
  kNoiseFree,  // log price a sum of three sinusoids of incommensurate periods: everything to forecast
  kRealistic,  // volatility that clusters and has hours, fat tails, coins that move together
};

/// "walk", "planted", "noise-free", "realistic". Errors of parse: kInvalidArgument naming the four.
std::string_view to_string(MarketKind kind);
Result<MarketKind> parse_market_kind(std::string_view text);

/// Planted market: E[r(t+1) | past] = kPlantedCoefficient * r(t) for 15m log returns r (before prices are
/// rounded to ticks), Gaussian around it. Its square is the R2 of the best forecast: 2 %. An hour's return
/// ahead: the coefficient times (1 + c + c^2 + c^3), c the coefficient, again on the last 15m return.
inline constexpr double kPlantedCoefficient = 0.1414213562373095;

struct SyntheticOptions {
  MarketKind kind = MarketKind::kRealistic;
  std::uint64_t seed = 1;
  UnixMillis start = 1'704'067'200'000;  // first candle: 2024-01-01 00:00 UTC; a whole hour
};

/// All symbols of market::all_symbols(), each from options.start (a successor from the day it began) until
/// the simulated now, or until it stopped trading. 15m bars are drawn, 1h bars are sums of four, so both
/// agree exactly. Prices are multiples of the coin's tick size, numbers have 8 places. Candles of one index
/// never change, however far the clock has gone.
class SyntheticMarket final : public MarketSource {
 public:
  explicit SyntheticMarket(const SyntheticOptions& options);
  ~SyntheticMarket() override;
  SyntheticMarket(const SyntheticMarket&) = delete;
  SyntheticMarket& operator=(const SyntheticMarket&) = delete;

  std::vector<Listing> listings(UnixMillis now) override;
  Result<std::vector<market::Candle>> candles(std::string_view symbol, market::Interval interval,
                                              const CandleWindow& window, UnixMillis now) override;

 private:
  struct Coin;
  struct Shared;
  std::unique_ptr<Shared> shared_;
  std::map<std::string, std::unique_ptr<Coin>, std::less<>> coins_;
};

}  // namespace mop::sim
