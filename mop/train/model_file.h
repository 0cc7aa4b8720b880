// models/<SYMBOL>_<kind>.safetensors: weights under PyTorch's names, everything else as JSON in __metadata__.
// The format is described in docs/formats/model_file.md.
#pragma once
#include <string>
#include <string_view>

#include "mop/base/fs.h"
#include "mop/base/result.h"
#include "mop/train/model.h"

namespace mop::train {

/// The file's bytes. Equal models give equal bytes.
std::string to_model_file(const TrainedModel& model);

/// Errors: kCorrupt when the file is cut short, is no MOP model, or contradicts itself (shapes, lengths,
/// numbers that are not finite); `what` names it.
Result<TrainedModel> parse_model_file(std::string_view bytes, std::string_view what);

/// "<directory>/BTCUSDT_1h.safetensors".
std::string model_path(std::string_view directory, std::string_view symbol, Kind kind);

/// Errors: kNotFound saying how to train it, kCorrupt, kIo.
Result<TrainedModel> load_model(Fs& fs, std::string_view directory, std::string_view symbol, Kind kind);

}  // namespace mop::train
