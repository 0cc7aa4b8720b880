#include "mop/app/model_watch.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace mop::app {

ModelWatch::ModelWatch(std::string directory)
    : directory_(std::move(directory)), known_(look()), seen_(known_) {}

std::vector<std::string> ModelWatch::look() const {
  std::vector<std::string> files;
  std::error_code ignored;  // a directory or file that goes away meanwhile is a change like any other
  for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored)) {
    if (entry.path().extension() != ".safetensors") continue;
    files.push_back(fmt::format("{} {} {}", entry.path().filename().string(), entry.file_size(ignored),
                                entry.last_write_time(ignored).time_since_epoch().count()));
  }
  std::ranges::sort(files);
  return files;
}

bool ModelWatch::changed(std::int64_t monotonic_us) {
  std::vector<std::string> now = look();
  if (now != seen_) {
    seen_ = std::move(now);
    seen_since_us_ = monotonic_us;
    return false;
  }
  if (seen_ == known_ || monotonic_us - seen_since_us_ < kSettledAfterUs) return false;
  known_ = seen_;
  return true;
}

bool ModelWatch::changed_now() {
  seen_ = look();
  if (seen_ == known_) return false;
  known_ = seen_;
  return true;
}

}  // namespace mop::app
