// Runs the real program as a user would.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace mop::functional {

struct Finished {
  int exit_code;  // 128 + signal when a signal ended it
  std::string out, err;
};

/// A process with its standard output and error on pipes. Killed on destruction when still running.
class Process {
 public:
  /// Starts the mop binary with `arguments` in `directory`.
  Process(const std::string& directory, const std::vector<std::string>& arguments, bool unprivileged = false);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// The next line of standard output or error without its newline; empty at the end. Blocks.
  std::string read_out_line() { return read_line(out_); }
  std::string read_err_line() { return read_line(err_); }
  void signal(int number);
  /// Reads the rest and waits.
  Finished finish();

 private:
  static std::string read_line(int fd);

  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
};

/// Runs to the end.
Finished run_mop(const std::string& directory, const std::vector<std::string>& arguments);

/// The same without a superuser's rights (as user 65534 when this is one). 127 when it could not be started.
Finished run_mop_unprivileged(const std::string& directory, const std::vector<std::string>& arguments);

/// Which system calls kill_mop_at stops at.
enum class StopAt { kEveryCall, kFileChanges };

/// Runs mop, its output dropped, and kills it with SIGKILL when it has been stopped `stop` times: all its
/// threads stop before and behind each system call of the kind. Returns the stops it came to; 0 where tracing
/// is forbidden.
std::size_t kill_mop_at(const std::string& directory, const std::vector<std::string>& arguments,
                        std::size_t stop, StopAt where);

/// A new empty directory named after the running test.
std::string fresh_directory();

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& bytes);

}  // namespace mop::functional
