// What says that a model may be believed: the canaries of its training, stored in its file.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "mop/train/model.h"

namespace mop::evaluate {

/// All canaries a certificate needs. The first three are run on every model when it is trained, the others on
/// synthetic markets by `mop canaries`, once for a profile.
inline constexpr std::array<std::string_view, 7> kCanaryNames{
    "future_invariance", "fit_only_statistics", "batch_equals_stream", "shuffled_targets",
    "random_walks",      "planted_market",      "noise_free_market"};

/// Empty when the model has passed all of them, else what marks it wherever it is used: "not certified:
/// failed random_walks; not run: planted_market, noise_free_market".
std::string certificate_mark(const train::TrainedModel& model);

}  // namespace mop::evaluate
