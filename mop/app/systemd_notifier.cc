#include "mop/app/systemd_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "mop/base/clock.h"
#include "mop/base/log.h"

namespace mop::app {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

SystemdOptions systemd_options() {
  SystemdOptions options{std::string(variable("NOTIFY_SOCKET")), 0};
  const std::string_view watched = variable("WATCHDOG_PID");
  if (watched.empty() || number(watched) == ::getpid())
    options.watchdog_us = number(variable("WATCHDOG_USEC"));
  return options;
}

SystemdNotifier::SystemdNotifier(SystemdOptions options) : options_(std::move(options)) {
  if (!options_.socket.empty()) fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

SystemdNotifier::~SystemdNotifier() {
  if (fd_ >= 0) ::close(fd_);
}

void SystemdNotifier::ready() {
  send("READY=1");
}

// The time lets the manager tell this reload from one that was asked for later.
void SystemdNotifier::reloading() {
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_micros()));
}

void SystemdNotifier::stopping() {
  send("STOPPING=1");
}

void SystemdNotifier::status(std::string_view line) {
  if (line == status_) return;
  status_ = line;
  send(fmt::format("STATUS={}", line));
}

void SystemdNotifier::alive(std::int64_t monotonic_us) {
  if (options_.watchdog_us <= 0 || (alive_sent_ && monotonic_us - alive_us_ < options_.watchdog_us / 3))
    return;
  alive_us_ = monotonic_us;
  alive_sent_ = true;
  send("WATCHDOG=1");
}

void SystemdNotifier::send(std::string_view assignments) {
  if (options_.socket.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  bool sent = false;
  int why = ENAMETOOLONG;
  if (options_.socket.size() < sizeof address.sun_path) {
    std::memcpy(address.sun_path, options_.socket.data(), options_.socket.size());
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + options_.socket.size());
    sent = ::sendto(fd_, assignments.data(), assignments.size(), MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&address), length) >= 0;
    why = errno;
  }
  if (sent || failed_) return;
  failed_ = true;
  log_warning(fmt::format("the service manager cannot be told anything at NOTIFY_SOCKET={}: {}",
                          options_.socket, std::strerror(why)));
}

}  // namespace mop::app
