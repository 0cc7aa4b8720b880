#include "mop/base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "mop/base/clock.h"
#include "mop/base/time.h"

namespace mop {
namespace {

constexpr std::int64_t kRedrawMicros = 100'000;

void to_stderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

Progress::Progress(std::string what, std::size_t total, bool quiet)
    : what_(std::move(what)),
      total_(std::max<std::size_t>(total, 1)),
      quiet_(quiet),
      live_(isatty(STDERR_FILENO) != 0),
      start_us_(monotonic_micros()) {}

Progress::~Progress() {
  if (drawn_) to_stderr("\r\x1b[K");
}

std::string Progress::line_text(std::size_t done, std::string_view detail) const {
  const std::int64_t spent_ms = (monotonic_micros() - start_us_) / 1000;
  std::string line = fmt::format("{} {}/{} ({:.0f} %)", what_, done, total_,
                                 100.0 * static_cast<double>(done) / static_cast<double>(total_));
  if (!detail.empty()) line += fmt::format("  {}", detail);
  if (done > 0 && done < total_) {
    const auto left = spent_ms * static_cast<std::int64_t>(total_ - done) / static_cast<std::int64_t>(done);
    line += fmt::format("  {} left", format_duration(left));
  }
  return line;
}

void Progress::update(std::size_t done, std::string_view detail) {
  const std::scoped_lock lock(mutex_);
  if (quiet_) return;
  if (live_) {
    const std::int64_t now = monotonic_micros();
    if (drawn_ && now - last_drawn_us_ < kRedrawMicros && done < total_) return;
    last_drawn_us_ = now;
    drawn_ = true;
    to_stderr("\r\x1b[K" + line_text(done, detail));
    return;
  }
  const std::size_t tenth = done * 10 / total_;
  if (tenth == last_tenth_) return;
  last_tenth_ = tenth;
  to_stderr(line_text(done, detail) + "\n");
}

void Progress::note(std::string_view line) {
  const std::scoped_lock lock(mutex_);
  if (quiet_) return;
  to_stderr(drawn_ ? fmt::format("\r\x1b[K{}\n", line) : fmt::format("{}\n", line));
}

}  // namespace mop
