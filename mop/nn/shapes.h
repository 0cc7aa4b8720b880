// What a network looks like, without its numbers.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "mop/base/result.h"

namespace mop::nn {

/// One stack of LSTM layers with its own inputs.
struct BranchShape {
  std::string prefix;  // names its tensors: "lstm", or "lstm_15m" and "lstm_1h"
  std::size_t inputs;  // values per time step, 1..65536
};

/// One or two branches of `layers` LSTM layers with `hidden` units each; a linear head reads the top hidden
/// states of all branches, joined in the order of `branches`, and gives `outputs` values.
struct NetShape {
  std::vector<BranchShape> branches;  // 1 or 2
  std::size_t hidden;                 // units per layer, 1..4096
  std::size_t layers;                 // 1..16
  std::size_t outputs;                // 1..65536

  /// Values the head reads per scored position: hidden * branches.
  std::size_t head_inputs() const { return hidden * branches.size(); }

  /// kInvalidArgument naming the first number that is out of range, or a prefix that is empty, used twice or
  /// "head".
  Result<void> validate() const;
};

}  // namespace mop::nn
