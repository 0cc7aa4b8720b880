#include "mop/exchange/shared_weight.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "mop/base/log.h"
#include "mop/exchange/hosts.h"

namespace mop::exchange {
namespace {

// Five numbers, or an empty state: a file that somebody else garbled starts anew.
WeightState parse(std::string_view text) {
  std::array<std::int64_t, 5> n{};
  for (std::int64_t& value : n) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data() + text.size() || value < -1) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  }
  return {n[0], n[1], n[2], n[3], n[4]};
}

int open_own_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat info {};
  if (fd >= 0 && (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != ::geteuid())) {
    ::close(fd);
    errno = EPERM;
    return -1;
  }
  return fd;
}

}  // namespace

SharedWeight::SharedWeight(const std::string& path) {
  if (path.empty()) return;
  fd_ = open_own_file(path);
  if (fd_ < 0) {
    log_warning(fmt::format("{} cannot be used ({}): other mop processes are not counted", path,
                            std::generic_category().message(errno)));
  }
}

SharedWeight::~SharedWeight() {
  if (fd_ >= 0) ::close(fd_);
}

void SharedWeight::update(const std::function<void(WeightState&)>& change) {
  const std::lock_guard in_process(mutex_);
  if (fd_ < 0) return change(own_);
  while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
  }
  std::array<char, 256> buffer{};
  const ssize_t got = ::pread(fd_, buffer.data(), buffer.size(), 0);
  WeightState state = got > 0 ? parse({buffer.data(), static_cast<std::size_t>(got)}) : WeightState{};
  change(state);
  // Blanks up to a fixed length: one write replaces the whole of the old text.
  const std::string text =
      fmt::format("{:<127}\n", fmt::format("{} {} {} {} {}", state.minute, state.granted, state.stated,
                                           state.wait_until, state.banned_until));
  if (::pwrite(fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) own_ = state;
  ::flock(fd_, LOCK_UN);
}

std::string shared_weight_path(const std::string& base_url) {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  const char* const temporary = std::getenv("TMPDIR");
  const std::string directory = runtime != nullptr && *runtime != '\0'       ? runtime
                                : temporary != nullptr && *temporary != '\0' ? temporary
                                                                             : "/tmp";
  std::string key = "binance";
  if (!is_binance_host(base_url)) {
    key.clear();
    for (const char c : base_url.substr(0, 100)) {
      const bool plain =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
      key += plain ? c : '-';
    }
  }
  return fmt::format("{}/mop-weight-{}-{}", directory, ::geteuid(), key);
}

}  // namespace mop::exchange
