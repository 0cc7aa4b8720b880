// A process beside this one that takes no more than what is left over, and ends with it.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"

namespace mop::app {

struct ChildCommand {
  std::string program;                 // path
  std::vector<std::string> arguments;  // behind its name
  std::string output;                  // file that its standard output and error go to, begun anew
};

/// Runs with nice 19, in a process group of its own, with none of this process's open files. It is sent
/// SIGTERM when the thread that started it ends, however that comes about. One thread at a time.
class ChildProcess {
 public:
  /// Errors: kIo (the output), kUnavailable (no process can be made). A program that is not there exits with
  /// 127.
  static Result<ChildProcess> start(const ChildCommand& command);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ~ChildProcess();  // kills it

  /// Its exit status, 128 + signal when a signal ended it; none while it runs. Never blocks.
  std::optional<int> poll();
  /// Asks its group to end, kills it after `patience` (machine time), and waits. Returns as poll().
  int stop(DurationMillis patience);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_;  // -1: handed on
  std::optional<int> status_;
};

}  // namespace mop::app
