// What `mop serve` tells the service manager (sd_notify(3)): datagrams to a socket, without its library.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace mop::app {

/// Where the service manager listens and how long it waits for a sign of life.
struct SystemdOptions {
  std::string socket;            // a path, or a name behind '@' (abstract); empty: nobody listens
  std::int64_t watchdog_us = 0;  // it kills after so much silence; 0: never
};

/// NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of the environment; what is not there or not for this
/// process is left out.
SystemdOptions systemd_options();

/// Says what the service does. Never blocks; what cannot be sent is logged once and lost. Does nothing
/// without a socket. One thread at a time.
class SystemdNotifier {
 public:
  explicit SystemdNotifier(SystemdOptions options);
  ~SystemdNotifier();
  SystemdNotifier(const SystemdNotifier&) = delete;
  SystemdNotifier& operator=(const SystemdNotifier&) = delete;

  /// It serves, or settings that were reloading() are in force.
  void ready();
  void reloading();
  void stopping();
  /// One line for `systemctl status`; the same one again is not sent.
  void status(std::string_view line);
  /// To be called as work goes on, with the monotonic clock: sends a sign of life every third of the
  /// watchdog's time. A loop that is stuck does not call it, and the manager starts the service again.
  void alive(std::int64_t monotonic_us);

 private:
  void send(std::string_view assignments);

  const SystemdOptions options_;
  int fd_ = -1;
  bool failed_ = false;
  std::string status_;
  std::int64_t alive_us_ = 0;
  bool alive_sent_ = false;
};

}  // namespace mop::app
