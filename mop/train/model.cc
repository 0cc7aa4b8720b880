#include "mop/train/model.h"

#include <algorithm>

#include <fmt/format.h>

namespace mop::train {
namespace {

double mean_over(const std::vector<TrainedNetwork>& networks, double TrainedNetwork::*figure) {
  double sum = 0.0;
  for (const TrainedNetwork& n : networks)
    sum += n.*figure;
  return sum / static_cast<double>(networks.size());
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::k15m:
      return "15m";
    case Kind::k1h:
      return "1h";
    case Kind::kUnified:
      return "unified";
  }
  return "unknown";
}

Result<Kind> parse_kind(std::string_view text) {
  for (const Kind kind : {Kind::k15m, Kind::k1h, Kind::kUnified}) {
    if (text == to_string(kind)) return kind;
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("model kind must be 15m, 1h or unified, was '{}'", text));
}

std::vector<market::Interval> intervals_of(Kind kind) {
  switch (kind) {
    case Kind::k15m:
      return {market::Interval::k15m};
    case Kind::k1h:
      return {market::Interval::k1h};
    case Kind::kUnified:
      break;
  }
  return {market::Interval::k15m, market::Interval::k1h};
}

std::string model_id(std::string_view symbol, Kind kind) {
  return fmt::format("{}_{}", symbol, to_string(kind));
}

std::size_t TrainedModel::epochs() const {
  std::size_t most = 0;
  for (const TrainedNetwork& n : networks)
    most = std::max(most, n.epochs);
  return most;
}

double TrainedModel::train_loss() const {
  return mean_over(networks, &TrainedNetwork::train_loss);
}

double TrainedModel::best_val_loss() const {
  return mean_over(networks, &TrainedNetwork::best_val_loss);
}

std::size_t outputs_per_head(const nn::QuantileHead& head) {
  return nn::raw_size(head) + 1;
}

BlockScore BranchModel::all_blocks() const {
  std::vector<BlockScore> blocks = folds;
  blocks.push_back(validation);
  std::erase_if(blocks, [](const BlockScore& block) { return block.n == 0; });
  BlockScore all{INT64_MAX, 0, 0, 0.0, 0.0, 0.0};
  for (const BlockScore& block : blocks) {
    all.from = std::min(all.from, block.from);
    all.until = std::max(all.until, block.until);
    all.n += block.n;
  }
  for (const BlockScore& block : blocks) {
    const double share = static_cast<double>(block.n) / static_cast<double>(all.n);
    all.pinball += share * block.pinball;
    all.ewma += share * block.ewma;
    all.har += share * block.har;
  }
  return blocks.empty() ? BlockScore{} : all;
}

}  // namespace mop::train
