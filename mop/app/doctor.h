// What `mop doctor` looks at. Nothing here writes anything.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/build_info.h"
#include "mop/base/clock.h"
#include "mop/base/fs.h"
#include "mop/base/result.h"
#include "mop/exchange/transport.h"
#include "mop/market/symbol.h"
#include "mop/nn/cuda/device.h"
#include "mop/store/candle_store.h"
#include "mop/train/model.h"

namespace mop::app {

/// kWarn: it works, but somebody should know. kFail: something that the program is for does not work.
enum class CheckState : std::uint8_t { kOk, kWarn, kFail, kSkipped };
/// "ok", "warn", "fail", "skipped".
std::string_view to_string(CheckState state);

struct Check {
  std::string name;  // "disk"
  CheckState state = CheckState::kOk;
  std::string found;   // one line
  std::string remedy;  // one sentence that holds the next command; "" when there is nothing to do
};

Check check_program(const BuildInfo& build);
/// `instruction_set`: as nn::cpu::instruction_set().
Check check_cpu(std::size_t cores, std::string_view instruction_set);
/// `device`: the setting. No GPU is no failure, unless it is asked for.
Check check_gpu(const Result<nn::cuda::DeviceInfo>& gpu, bool cuda_built_in, std::string_view device);

/// A directory or file that mop writes, as it is or as it would come to be.
struct Place {
  std::string path;
  std::uint64_t free_bytes = 0;
  std::string problem;  // why it cannot be written: "models/a.json: Permission denied"; "" when it can
};
/// Asks the system for rights and room; leaves no trace. A missing one is judged by what it would lie in.
Place look_at_directory(Fs& fs, const std::string& path);
Place look_at_file(const std::string& path);
Check check_disk(std::span<const Place> places);

/// `wanted`, `fitting`: connections that `mop serve` takes at once by itself, and under the limit of open
/// files.
Check check_open_files(std::size_t wanted, std::size_t fitting);

/// What the exchange said.
struct ExchangeChecks {
  Check exchange, clock;
  std::optional<DurationMillis> skew;  // of its clock, ahead of this machine's
};
/// Asks base_url for its time: seconds at most. When it refuses this location or is silent, the other hosts
/// that go with it are asked side by side, as fetch and serve would turn to them.
ExchangeChecks check_exchange(exchange::Transport& transport, Clock& clock, const std::string& base_url);
ExchangeChecks skip_exchange(std::string_view why);
/// `uncertainty`: half of the round trip that `skew` was measured by.
Check check_clock(DurationMillis skew, DurationMillis uncertainty);

/// Those of `selected` that are stored, and their age. `directory` is theirs.
Check check_data(Fs& fs, Clock& clock, const std::string& directory,
                 std::span<const store::SeriesKey> selected, UnixMillis now);

/// A model that is asked about.
struct ModelName {
  market::Symbol symbol;
  train::Kind kind;
};
/// `expires_after`: since a model's trained_until, as `mop serve` has it.
Check check_models(Fs& fs, const std::string& directory, std::span<const ModelName> selected,
                   DurationMillis expires_after, UnixMillis now);

}  // namespace mop::app
