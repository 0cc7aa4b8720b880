// A network as an ONNX model, so that other runtimes can run what was trained here.
// Source: github.com/onnx/onnx, onnx/onnx.proto (the message numbers) and docs/Operators.md (LSTM, Gemm).
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mop/nn/param_layout.h"

namespace mop::nn {

/// The bytes of an ONNX model (IR 8, opset 14) of networks of one shape, whose outputs are averaged. Inputs,
/// one per branch, are named by the branch's prefix, float (lookback, batch, inputs), scaled as the network
/// reads them, oldest first; the output "raw" is float (batch, outputs): what the head gives after the last
/// step, before any quantile head; with several networks, their mean. Gates are put in ONNX's order i o f c.
/// `metadata` becomes metadata_props. Equal arguments give equal bytes. `networks` are their parameters.
/// REQUIRES: at least one, each of layout.size(), one lookback >= 1 per branch.
std::string to_onnx(const ParamLayout& layout, std::span<const std::span<const float>> networks,
                    std::span<const std::size_t> lookback,
                    const std::vector<std::pair<std::string, std::string>>& metadata);

}  // namespace mop::nn
