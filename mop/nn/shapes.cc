#include "mop/nn/shapes.h"

#include <string_view>

#include <fmt/format.h>

namespace mop::nn {
namespace {

Result<void> check_count(std::string_view what, std::size_t value, std::size_t max) {
  if (value >= 1 && value <= max) return {};
  return fail(ErrorCode::kInvalidArgument, fmt::format("{} must be 1..{}, was {}", what, max, value));
}

}  // namespace

Result<void> NetShape::validate() const {
  MOP_TRY(check_count("number of branches", branches.size(), 2));
  for (const BranchShape& branch : branches) {
    if (branch.prefix.empty() || branch.prefix == "head") {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("branch prefix must be a name other than \"head\", was \"{}\"", branch.prefix));
    }
    MOP_TRY(check_count("inputs of branch " + branch.prefix, branch.inputs, 65536));
  }
  if (branches.size() == 2 && branches[0].prefix == branches[1].prefix) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("branch prefixes must differ, both were \"{}\"", branches[0].prefix));
  }
  MOP_TRY(check_count("hidden units", hidden, 4096));
  MOP_TRY(check_count("layers", layers, 16));
  MOP_TRY(check_count("outputs", outputs, 65536));
  return {};
}

}  // namespace mop::nn
