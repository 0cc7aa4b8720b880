#include "mop/app/systemd_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/clock.h"

namespace mop::app {
namespace {

// The service manager's end.
class Manager {
 public:
  explicit Manager(std::string name) : name_(std::move(name)), fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (name_[0] == '@') {
      address.sun_path[0] = '\0';
    } else {
      ::unlink(name_.c_str());
    }
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0) << std::strerror(errno);
  }
  ~Manager() {
    ::close(fd_);
    if (name_[0] != '@') ::unlink(name_.c_str());
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // The next datagram; empty when there is none. Datagrams of one machine are there when they are sent.
  std::string heard() const {
    char text[1024];
    const ssize_t n = ::recv(fd_, text, sizeof text, MSG_DONTWAIT);
    return n < 0 ? std::string() : std::string(text, static_cast<std::size_t>(n));
  }

 private:
  std::string name_;
  int fd_;
};

std::string path_of_socket() {
  return fmt::format("/tmp/mop_notify_{}", ::getpid());
}

TEST(SystemdNotifierTest, TellsAManagerBehindAPathAndBehindAnAbstractName) {
  for (const std::string& name : {path_of_socket(), fmt::format("@mop_notify_{}", ::getpid())}) {
    const Manager manager(name);
    SystemdNotifier notifier({name, 0});
    notifier.ready();
    EXPECT_EQ(manager.heard(), "READY=1");
    notifier.status("50 series");
    notifier.status("50 series");
    notifier.status("51 series");
    EXPECT_EQ(manager.heard(), "STATUS=50 series");
    EXPECT_EQ(manager.heard(), "STATUS=51 series");
    const std::int64_t before = monotonic_micros();
    notifier.reloading();
    std::int64_t at = 0;
    ASSERT_EQ(std::sscanf(manager.heard().c_str(), "RELOADING=1\nMONOTONIC_USEC=%ld", &at), 1);
    EXPECT_GE(at, before);
    EXPECT_LE(at, monotonic_micros());
    notifier.stopping();
    EXPECT_EQ(manager.heard(), "STOPPING=1");
    EXPECT_EQ(manager.heard(), "");
  }
}

TEST(SystemdNotifierTest, ShowsLifeEveryThirdOfTheWatchdogsTimeAndOnlyWhenCalled) {
  const Manager manager(path_of_socket());
  SystemdNotifier notifier({path_of_socket(), 3'000'000});
  notifier.alive(1);
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  notifier.alive(1'000'000);
  EXPECT_EQ(manager.heard(), "");
  notifier.alive(1'000'001);
  notifier.alive(1'000'002);
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  EXPECT_EQ(manager.heard(), "");
  SystemdNotifier unwatched({path_of_socket(), 0});
  unwatched.alive(9'000'000);
  EXPECT_EQ(manager.heard(), "");
}

TEST(SystemdNotifierTest, ReadsTheEnvironmentAndHeedsForWhomTheWatchdogIs) {
  ::setenv("NOTIFY_SOCKET", "@somewhere", 1);
  ::setenv("WATCHDOG_USEC", "120000000", 1);
  EXPECT_EQ(systemd_options().socket, "@somewhere");
  EXPECT_EQ(systemd_options().watchdog_us, 120'000'000);
  ::setenv("WATCHDOG_PID", fmt::format("{}", ::getpid()).c_str(), 1);
  EXPECT_EQ(systemd_options().watchdog_us, 120'000'000);
  ::setenv("WATCHDOG_PID", fmt::format("{}", ::getppid()).c_str(), 1);
  EXPECT_EQ(systemd_options().watchdog_us, 0);
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
    ::unsetenv(name);
  EXPECT_EQ(systemd_options().socket, "");
  EXPECT_EQ(systemd_options().watchdog_us, 0);
}

// Not run by a service manager, or by one that went away: serving goes on.
TEST(SystemdNotifierTest, NobodyListeningIsNoHarm) {
  for (const std::string& name : {std::string(), std::string("/nowhere/at/all"), std::string(200, 'x')}) {
    SystemdNotifier notifier({name, 1});
    notifier.ready();
    notifier.status("x");
    notifier.alive(1);
    notifier.stopping();
  }
}

}  // namespace
}  // namespace mop::app
