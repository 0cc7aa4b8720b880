#include "mop/app/checkpoint_file.h"

#include <utility>

#include "mop/base/clock.h"

namespace mop::app {
namespace {

constexpr std::int64_t kWriteEveryMicros = 5'000'000;

}  // namespace

CheckpointFile::CheckpointFile(Fs& fs, std::string path, bool resume)
    : fs_(fs), path_(std::move(path)), resume_(resume), written_us_(monotonic_micros()) {}

train::CheckpointStore CheckpointFile::store() {
  return {.load = [this] { return resume_ ? fs_.read(path_).value_or("") : std::string(); },
          .save = [this](std::string_view bytes) -> Result<void> {
            unwritten_ = bytes;
            return is_due() ? flush() : Result<void>{};
          },
          .due = [this] { return is_due(); }};
}

bool CheckpointFile::is_due() const {
  return monotonic_micros() - written_us_ >= kWriteEveryMicros;
}

Result<void> CheckpointFile::flush() {
  if (unwritten_.empty()) return {};
  MOP_TRY(fs_.write_atomically(path_, unwritten_));
  unwritten_.clear();
  written_us_ = monotonic_micros();
  return {};
}

}  // namespace mop::app
