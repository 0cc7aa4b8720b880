// Everything about models that is fitted before their networks: inputs, scalers, base quantiles, splits.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/dataset/markets.h"
#include "mop/dataset/sequences.h"
#include "mop/dataset/split.h"
#include "mop/market/candle_series.h"
#include "mop/train/model.h"

namespace mop::train {

/// One coin that a training reads.
struct CoinCandles {
  std::string symbol;
  std::vector<market::CandleSeries> series;  // one per intervals_of(kind), in that order; all of it is used
};

/// Coins that are learnt together by the same networks. All read the same inputs.
struct TrainJob {
  Kind kind = Kind::k1h;
  Profile profile;
  std::uint64_t seed = 1;
  std::vector<CoinCandles> coins;
  const dataset::Markets* markets = nullptr;  // null: no input tells what the market did
  std::vector<std::string> market_coins;      // what `markets` is made of
  UnixMillis market_from = 0;                 // close time of their oldest candle
};

/// One coin made ready. What it borrows lies in `data`.
struct Member {
  std::vector<std::unique_ptr<dataset::SeriesData>> data;  // one per branch; the builder borrows them
  std::unique_ptr<dataset::SequenceBuilder> builder;
  dataset::FitSplit split;
  TrainedModel model;  // branches fitted on the fit part, no network yet
};

/// A stretch of one member's rows.
struct MemberChunk {
  std::size_t member;
  dataset::Chunk rows;
};

/// A coin that cannot be learnt, and why.
struct LeftOut {
  std::string symbol;
  Error error;
};

/// A job made ready: every coin's inputs, targets and statistics, and the shape of the networks they share.
struct Pool {
  Profile profile;
  std::uint64_t seed = 1;
  nn::NetShape shape;
  std::vector<Member> members;  // at least one
  UnixMillis fit_targets_before = 0;
  Schedule schedule;
  std::vector<LeftOut> left_out;
};

/// Inputs are those that the coin with the longest history can carry and whose source every coin has; a coin
/// too short for them is left out. The same on any number of threads. Errors: kInvalidArgument when no coin
/// is left.
Result<Pool> prepare(const TrainJob& job, std::size_t threads = 1);

/// The seed of one network of an ensemble; the first one's is the pool's own.
std::uint64_t network_seed(std::uint64_t pool_seed, std::size_t number);

/// The weights a network starts from: a function of the pool's seed and the network's number.
std::vector<float> initial_params(const Pool& pool, std::size_t number);

/// The network's shape for these branches.
nn::NetShape shape_for(Kind kind, const std::vector<BranchModel>& branches, const Profile& profile);

}  // namespace mop::train
