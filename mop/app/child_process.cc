#include "mop/app/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "mop/base/clock.h"

namespace mop::app {
namespace {

constexpr auto kPollEvery = std::chrono::milliseconds(10);

// Between fork and exec of a program with threads nothing may be called that takes a lock.
[[noreturn]] void become(const char* program, char* const* argv, int output, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);  // it died before it was asked for
  ::setpgid(0, 0);
  ::setpriority(PRIO_PROCESS, 0, 19);
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0u, 0);  // sockets of libraries are not all close-on-exec
  ::execv(program, argv);
  ::_exit(127);
}

}  // namespace

// fork() and not posix_spawn(), which cannot ask for the signal at the parent's death.
Result<ChildProcess> ChildProcess::start(const ChildCommand& command) {
  std::vector<char*> argv{const_cast<char*>("mop")};
  for (const std::string& argument : command.arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int output = ::open(command.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (output < 0)
    return fail(ErrorCode::kIo, fmt::format("cannot write {}: {}", command.output, std::strerror(errno)));
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid == 0) become(command.program.c_str(), argv.data(), output, parent);
  const int why = errno;
  ::close(output);
  if (pid < 0)
    return fail(ErrorCode::kUnavailable, fmt::format("cannot start a process: {}", std::strerror(why)));
  ::setpgid(pid, pid);  // whoever of the two comes first
  return ChildProcess(pid);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) stop(0);
}

std::optional<int> ChildProcess::poll() {
  if (status_) return status_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == pid_) {
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  } else if (ended < 0 && errno == ECHILD) {
    status_ = 127;  // this process was started with SIGCHLD ignored: how it ended is not known
  }
  return status_;
}

int ChildProcess::stop(DurationMillis patience) {
  const std::int64_t until = monotonic_micros() + patience * 1000;
  if (!poll() && patience > 0) ::kill(-pid_, SIGTERM);
  while (!poll()) {
    if (monotonic_micros() >= until) ::kill(-pid_, SIGKILL);
    std::this_thread::sleep_for(kPollEvery);
  }
  return *status_;
}

}  // namespace mop::app
