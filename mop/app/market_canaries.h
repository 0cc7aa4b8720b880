// Canaries on synthetic markets whose truth is known (docs/formats/canaries.md): they judge the pipeline and
// a profile, not one model. Candles are made by mop sim's generators, training, calibration and forecasts are
// those of `mop train` and `mop evaluate`.
//
// No forecast can be better than the market's own distribution but by luck, so that is what models are
// measured against: an edge is a lower mean pinball loss one step ahead than the true distribution's, with a
// one-sided Diebold-Mariano p below 0.05 (lag H). An honest model, which has to estimate what the truth
// knows, shows one in fewer than 5 % of random markets; a model that sees the future nearly always.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/evaluate/report_data.h"
#include "mop/market/candle_series.h"
#include "mop/train/profile.h"

namespace mop::app {

struct MarketCanaryOptions {
  train::Profile profile;
  std::uint64_t seed = 1;  // of the first market and its networks; the next ones count up
  std::size_t threads = 1;
  std::size_t walks = 40;  // random walks
  /// Candles per coin; the newest third is scored.
  std::size_t walk_candles = 6000, shuffled_candles = 6000, planted_candles = 24000,
              noise_free_candles = 12000;
  std::size_t planted_coins = 20;  // at most; of those that trade to this day
  /// How candles reach the pipeline. The program hands them over as they are; tests plant their leaks here.
  std::function<void(market::CandleSeries&)> deliver = [](market::CandleSeries&) {};
  /// Called when a market is done, from any thread.
  std::function<void(std::string_view what)> done = [](std::string_view) {};

  /// Markets that all canaries together train on.
  std::size_t markets() const { return walks + 3; }
};

/// The realistic market with its candles in random order (each keeps its move, range and volume): what
/// follows a candle has nothing to do with it. One network is trained, one step
/// ahead. True distribution: all the moves there are. Figure: skill over it in percent, at most 0.5.
Result<evaluate::Canary> shuffled_targets(const MarketCanaryOptions& options);

/// Hourly random walks of one coin, one per seed; one network each, trained one step ahead. Figure: share of
/// walks with an edge, at most 0.05: of 40 walks no more than 2.
Result<evaluate::Canary> random_walks(const MarketCanaryOptions& options);

/// 15m candles of which 2 % of the next return's variance can be known (sim::kPlantedCoefficient), learnt
/// by one network of the profile. Figure: the model's skill over EWMA as a share of the true distribution's,
/// at least 0.7. Fails as well with an edge over the true distribution: that is a leak.
Result<evaluate::Canary> planted_market(const MarketCanaryOptions& options);

/// How the noise-free market is learnt: one layer of the profile's size, one step ahead, nothing that guards
/// against noise (dropout, decay, early stop), and as many updates as precision takes.
train::Profile noise_free_profile(train::Profile profile);

/// 15m candles whose log price is a sum of three sinusoids, learnt by noise_free_profile(). Figure: MAPE of
/// the median forecast one candle ahead in percent, below 0.001.
Result<evaluate::Canary> noise_free_market(const MarketCanaryOptions& options);

/// All four in this order. Errors: kInterrupted; kInvalidArgument when the profile cannot be trained on so
/// few candles.
Result<std::vector<evaluate::Canary>> market_canaries(const MarketCanaryOptions& options);

}  // namespace mop::app
