// What train, evaluate and predict share: which models are meant, in what time, on what.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "mop/app/command.h"
#include "mop/base/result.h"
#include "mop/nn/cuda/device.h"
#include "mop/train/model.h"

namespace mop::app {

/// "15m,1h,unified" -> kinds, in the order given. Errors: kInvalidArgument.
Result<std::vector<train::Kind>> parse_kinds(const std::string& text);

/// --since and --until as typed: empty means unbounded. Errors: kInvalidArgument.
Result<UnixMillis> parse_bound(const std::string& text, UnixMillis unbounded);

/// Refuses --device cuda with the reason when this program or machine cannot.
Result<void> check_device(const Context& ctx);
/// True when nothing but a GPU will do: --device cuda.
bool only_device(const Context& ctx);
/// Where networks are trained; null: on the CPU, which is what auto does where no GPU is usable. Errors: as
/// check_device().
Result<std::unique_ptr<nn::cuda::Device>> training_device(const Context& ctx);

/// Threads to use: the setting, or every core.
std::size_t thread_count(const Context& ctx);

}  // namespace mop::app
