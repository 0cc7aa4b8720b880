#include "mop/app/models.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "mop/base/log.h"
#include "mop/base/parallel.h"

namespace mop::app {
namespace {

Error without_gpu(const Error& why) {
  return {why.code, why.message + "; or use --device cpu"};
}

}  // namespace

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
  if (const auto gpu = nn::cuda::find_gpu(); !gpu) return fail(without_gpu(gpu.error()));
  return {};
}

bool only_device(const Context& ctx) {
  return ctx.settings.device == "cuda";
}

Result<std::unique_ptr<nn::cuda::Device>> training_device(const Context& ctx) {
  MOP_TRY(check_device(ctx));
  std::unique_ptr<nn::cuda::Device> device;
  if (ctx.settings.device == "cpu") return device;
  auto gpu = nn::cuda::open_gpu();
  if (gpu) return std::move(*gpu);
  if (only_device(ctx)) return fail(without_gpu(gpu.error()));
  log_info(fmt::format("training on the CPU: {}", gpu.error().message));
  return device;
}

std::size_t thread_count(const Context& ctx) {
  return ctx.settings.threads > 0 ? ctx.settings.threads : usable_cores();
}

}  // namespace mop::app
