#include "mop/app/models.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "mop/base/parallel.h"
#include "mop/nn/cuda/device.h"

namespace mop::app {

Result<std::vector<train::Kind>> parse_kinds(const std::string& text) {
  std::vector<train::Kind> kinds;
  for (const std::string& part : CLI::detail::split(text, ',')) {
    MOP_TRY_ASSIGN(const train::Kind kind, train::parse_kind(part));
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
  }
  return kinds;
}

Result<UnixMillis> parse_bound(const std::string& text, UnixMillis unbounded) {
  if (text.empty()) return unbounded;
  return parse_utc(text);
}

Result<void> check_device(const Context& ctx) {
  const std::string& device = ctx.settings.device;
  if (device == "auto" || device == "cpu") return {};
  if (device != "cuda") {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("device must be auto, cpu or cuda, was '{}'", device));
  }
  MOP_TRY_ASSIGN(const nn::cuda::DeviceInfo gpu, nn::cuda::find_gpu());
  return fail(
      ErrorCode::kUnsupported,
      fmt::format("{} is there, but this version of mop trains on the CPU only; use --device cpu", gpu.name));
}

std::size_t thread_count(const Context& ctx) {
  return ctx.settings.threads > 0 ? ctx.settings.threads : usable_cores();
}

}  // namespace mop::app
