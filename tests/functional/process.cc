#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

namespace mop::functional {
namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  return ends;
}

// Opened before rights are given up: another user need not see the directories that the program was built in.
[[noreturn]] void become_mop(const std::string& directory, const std::vector<std::string>& arguments, int out,
                             int err, bool unprivileged = false) {
  constexpr uid_t kNobody = 65534;
  const int program = ::open(MOP_BINARY, O_PATH | O_CLOEXEC);
  if (unprivileged && ::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(127);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  std::vector<char*> argv{const_cast<char*>(MOP_BINARY)};
  for (const std::string& a : arguments)
    argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  if (::chdir(directory.c_str()) == 0) ::fexecve(program, argv.data(), environ);
  ::_exit(127);
}

}  // namespace

Process::Process(const std::string& directory, const std::vector<std::string>& arguments, bool unprivileged) {
  const auto out = make_pipe(), err = make_pipe();
  pid_ = ::fork();
  if (pid_ == 0) {
    become_mop(directory, arguments, out[1], err[1], unprivileged);
  }
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(out_);
  ::close(err_);
}

std::string Process::read_line(int fd) {
  std::string line;
  char c = 0;
  while (::read(fd, &c, 1) == 1 && c != '\n')
    line += c;
  return line;
}

void Process::signal(int number) {
  ::kill(pid_, number);
}

Finished Process::finish() {
  Finished result{0, "", ""};
  std::array<pollfd, 2> fds{{{out_, POLLIN, 0}, {err_, POLLIN, 0}}};
  const std::array<std::string*, 2> texts{&result.out, &result.err};
  int open = 2;
  std::array<char, 65536> buffer{};
  while (open > 0 && ::poll(fds.data(), 2, -1) >= 0) {  // both at once: a full pipe would stall the program
    for (std::size_t i = 0; i < 2; ++i) {
      if (fds[i].fd < 0 || fds[i].revents == 0) continue;
      const ssize_t n = ::read(fds[i].fd, buffer.data(), buffer.size());
      if (n > 0) {
        texts[i]->append(buffer.data(), static_cast<std::size_t>(n));
      } else {
        fds[i].fd = -1;
        --open;
      }
    }
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

Finished run_mop(const std::string& directory, const std::vector<std::string>& arguments) {
  return Process(directory, arguments).finish();
}

Finished run_mop_unprivileged(const std::string& directory, const std::vector<std::string>& arguments) {
  return Process(directory, arguments, true).finish();
}

namespace {

// Tells the system calls that change files; only the stop before a call states its number.
class TracedCalls {
 public:
  bool changes_a_file(pid_t thread) {
    __ptrace_syscall_info info{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      inside_[thread] =
          std::find(kCalls.begin(), kCalls.end(), static_cast<long>(info.entry.nr)) != kCalls.end();
    }
    return inside_[thread];
  }

 private:
  static constexpr std::array kCalls{
      static_cast<long>(SYS_openat),    static_cast<long>(SYS_write), static_cast<long>(SYS_pwrite64),
      static_cast<long>(SYS_ftruncate), static_cast<long>(SYS_fsync), static_cast<long>(SYS_renameat2),
#ifdef SYS_rename
      static_cast<long>(SYS_rename),
#endif
  };
  std::map<pid_t, bool> inside_;
};

}  // namespace

std::size_t kill_mop_at(const std::string& directory, const std::vector<std::string>& arguments,
                        std::size_t stop, StopAt where) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // the leak check traces as well
    ::setpgid(0, 0);
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    become_mop(directory, arguments, null, null);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);  // stops behind exec
  if (!WIFSTOPPED(status)) return 0;
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
  ::ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr);
  std::size_t stops = 0;
  TracedCalls calls;
  for (pid_t thread = 0; (thread = ::waitpid(-pid, &status, __WALL)) > 0;) {
    if (!WIFSTOPPED(status)) {
      if (thread == pid) break;
      continue;
    }
    const int signal = WSTOPSIG(status);
    const bool counts =
        signal == (SIGTRAP | 0x80) && (calls.changes_a_file(thread) || where == StopAt::kEveryCall);
    if (counts && ++stops == stop) ::kill(pid, SIGKILL);
    // New threads begin with SIGSTOP, events come as SIGTRAP: neither is for the program.
    const bool ours = signal == (SIGTRAP | 0x80) || signal == SIGTRAP || signal == SIGSTOP;
    ::ptrace(PTRACE_SYSCALL, thread, nullptr, ours ? 0 : signal);
  }
  return stops;
}

std::string fresh_directory() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::string path = testing::TempDir() + "mop_" + info->test_suite_name() + "_" + info->name() + "_" +
                           std::to_string(::getpid());
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace mop::functional
