#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"
#include "mop/dataset/scaler.h"
#include "mop/features/model_inputs.h"
#include "mop/market/interval.h"
#include "mop/nn/quantile_head.h"
#include "mop/nn/shapes.h"
#include "mop/train/baselines.h"
#include "mop/train/profile.h"

namespace mop::train {

/// The three families of the fleet: a model per timeframe, and one that reads and forecasts both.
enum class Kind : std::uint8_t { k15m, k1h, kUnified };

/// "15m", "1h", "unified".
std::string_view to_string(Kind kind);
/// Errors: kInvalidArgument.
Result<Kind> parse_kind(std::string_view text);
/// Timeframes a kind reads and forecasts: one, or 15m and 1h in this order.
std::vector<market::Interval> intervals_of(Kind kind);
/// "BTCUSDT_unified": also the file's name without its extension.
std::string model_id(std::string_view symbol, Kind kind);

/// How far a head's quantiles are stretched (evaluate/conformal.h): q' = median + (q - median) *
/// exp(log_stretch), one value per step and level, those of the median unused; (3,H,L): of calm candles,
/// whose ln(sigma) is at most borders[0], of those up to borders[1], and of wilder ones. Empty: as the
/// network gives them.
struct Calibration {
  static constexpr std::size_t kGroups = 3;

  std::vector<double> log_stretch;
  std::array<double, kGroups - 1> borders{};
  UnixMillis until = 0;  // close time of the newest candle whose forecast it has seen
};

/// Mean pinball loss one step ahead over a block of time that the networks had not learnt from.
struct BlockScore {
  UnixMillis from = 0, until = 0;               // candles that end in [from, until)
  std::size_t n = 0;                            // forecasts behind the figures; 0: the others are unknown
  double pinball = 0.0, ewma = 0.0, har = 0.0;  // of the model and of two baselines

  bool operator==(const BlockScore&) const = default;
};

/// A check that would catch a leak, and how it went (evaluate/canaries.h).
struct Canary {
  std::string name;
  bool passed = false;
  double figure = std::numeric_limits<double>::quiet_NaN();
  std::string meaning;  // what was asked of it, e.g. "skill on shuffled targets below 0.5 %"
  double limit = std::numeric_limits<double>::quiet_NaN();  // what the figure is held to
};

/// What one timeframe of a model needs to be read and understood; nothing of it is fitted again later.
struct BranchModel {
  market::Interval interval = market::Interval::k1h;
  std::vector<std::string> inputs;                // names in the network's order
  std::vector<features::SkippedFeature> skipped;  // inputs this coin's history was too short for
  dataset::Scaler scaler;
  nn::QuantileHead head;                    // base quantiles: those of z on the fit part
  double range_mean = 0.0, range_sd = 1.0;  // of ln(next log-range / sigma) on the fit part
  Calibration calibration;                  // after the validation block
  BlockScore validation;                    // the block that stopped the training
  std::vector<BlockScore> folds;   // earlier blocks, each scored by models trained before it; may be empty
  std::string champion = "model";  // "model", "ewma" or "har": the least loss over all these blocks
  Baselines baselines;             // fitted on all of the coin's candles up to trained_until

  /// All blocks as one, each forecast with the same weight.
  BlockScore all_blocks() const;
};

/// The outcome of one training.
struct TrainedNetwork {
  std::vector<float> params;                     // in the order of nn::ParamLayout
  std::size_t epochs = 0, best_epoch = 0;        // run, and the one whose weights are kept (0 = start)
  double train_loss = 0.0, best_val_loss = 0.0;  // mean pinball over steps and levels
};

/// A coin's model with everything needed to use it and to judge whether it may be used: one or more networks
/// of one shape whose raw outputs are averaged, and what turns them into forecasts of this coin.
struct TrainedModel {
  std::string symbol;
  Kind kind = Kind::k1h;
  Profile profile;
  std::uint64_t seed = 1;
  nn::NetShape shape;
  std::vector<TrainedNetwork> networks;
  std::vector<BranchModel> branches;  // one, or 15m and 1h
  std::vector<std::string> coins;     // whose candles the networks learnt from, this one among them
  std::vector<std::string>
      market_coins;                 // whose candles the market inputs are made of; empty: there are none
  UnixMillis market_from = 0;       // close time of their oldest candle that was read
  UnixMillis data_from = 0;         // close time of this coin's oldest candle that was read
  UnixMillis fit_until = 0;         // targets that close here or later were not learnt
  UnixMillis trained_until = 0;     // close time of the newest candle any figure in here saw
  std::size_t samples = 0;          // rows of this coin that were fitted on
  std::vector<Canary> certificate;  // the canaries that were run; see evaluate/certificate.h

  /// Over the networks: most epochs, mean losses.
  std::size_t epochs() const;
  double train_loss() const;
  double best_val_loss() const;

  std::string id() const { return model_id(symbol, kind); }
  std::size_t horizon() const { return profile.horizon; }
};

/// Raw network outputs of one head: the quantile head's, then one for the log-range.
std::size_t outputs_per_head(const nn::QuantileHead& head);

}  // namespace mop::train
