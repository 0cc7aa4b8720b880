#include "mop/app/models.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "mop/app/series_text.h"
#include "mop/base/parallel.h"
#include "mop/train/gpu.h"

namespace mop::app {

Result<std::vector<train::Kind>> parse_kinds(const std::string& text) {
  std::vector<train::Kind> kinds;
  for (const std::string& part : CLI::detail::split(text, ',')) {
    MOP_TRY_ASSIGN(const train::Kind kind, train::parse_kind(part));
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
  }
  return kinds;
}

Result<std::vector<market::CandleSeries>> load_series(const Context& ctx, store::CandleStore& store,
                                                      std::string_view symbol, train::Kind kind,
                                                      UnixMillis since, UnixMillis until) {
  std::vector<market::CandleSeries> series;
  for (const market::Interval interval : train::intervals_of(kind)) {
    MOP_TRY_ASSIGN(const market::CandleSeries stored, load_candles(ctx, store, symbol, interval));
    series.push_back(stored.closing_in(since, until));
    if (series.back().size() > 0) continue;
    return fail(
        ErrorCode::kNotFound,
        fmt::format("{} {}: no stored candle closes in the asked span, the store has {} to {}; fetch more "
                    "history or change the dates",
                    symbol, market::to_string(interval), format_utc(stored.open_time.front()),
                    format_utc(stored.close_time(stored.size() - 1) + 1)));
  }
  return series;
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
  MOP_TRY_ASSIGN(const train::Gpu gpu, train::find_gpu());
  return fail(
      ErrorCode::kUnsupported,
      fmt::format("{} is there, but this version of mop trains on the CPU only; use --device cpu", gpu.name));
}

std::size_t thread_count(const Context& ctx) {
  return ctx.settings.threads > 0 ? ctx.settings.threads : usable_cores();
}

}  // namespace mop::app
