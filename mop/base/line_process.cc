#include "mop/base/line_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/interrupt.h"
#include "mop/base/json.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants the program to declare it

namespace mop {
namespace {

constexpr std::size_t kMaxLine = 16u << 20;
constexpr int kPollMs = 200;

void close_now(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

// Both ends of a pipe, closed at the end unless taken.
struct Pipe {
  std::array<int, 2> ends{-1, -1};

  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_now(ends[0]);
    close_now(ends[1]);
  }
  bool open() { return ::pipe2(ends.data(), O_CLOEXEC) == 0; }
};

}  // namespace

Result<std::string> find_edge(std::string_view below) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (const char* given = std::getenv("MOP_EDGES"); given != nullptr && *given != '\0') {
    if (fs::exists(fs::path(given) / below, ignored)) return (fs::path(given) / below).string();
  }
  fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (int up = 0; up < 5 && !folder.empty(); ++up, folder = folder.parent_path()) {
    if (fs::exists(folder / "edges" / below, ignored)) return (folder / "edges" / below).string();
  }
  return fail(ErrorCode::kUnsupported,
              fmt::format("edges/{} was not found beside or above the program; set MOP_EDGES to the edges "
                          "directory of MOP's sources",
                          below));
}

Result<boost::json::object> parse_edge_line(std::string_view line, std::string_view name) {
  constexpr std::size_t kMostOfMessage = 500;
  MOP_TRY_ASSIGN(boost::json::value document, parse_json(line, fmt::format("line of {}", name)));
  boost::json::object* object = document.if_object();
  if (object == nullptr)
    return fail(ErrorCode::kCorrupt, fmt::format("{} sent no object: {}", name, line.substr(0, 80)));
  if (const boost::json::object* error = object_member(*object, "error")) {
    return fail(parse_error_code(text_member(*error, "kind"), ErrorCode::kCorrupt),
                text_member(*error, "message").substr(0, kMostOfMessage));
  }
  return std::move(*object);
}

Result<LineProcess> LineProcess::start(const std::string& program, const std::string& script,
                                       std::string name) {
  Pipe in, out;
  if (!in.open() || !out.open()) return fail(ErrorCode::kIo, "no pipe could be made");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.ends[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
  std::string program_text = program, script_text = script;
  const std::array<char*, 3> arguments{program_text.data(), script_text.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, program.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == 0)
    return LineProcess(pid, std::exchange(in.ends[1], -1), std::exchange(out.ends[0], -1), std::move(name));
  return fail(ErrorCode::kUnsupported,
              fmt::format("{} could not be started ({}); {} needs Node.js 20 or newer", program,
                          std::generic_category().message(error), name));
}

LineProcess::LineProcess(LineProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      in_(std::exchange(other.in_, -1)),
      out_(std::exchange(other.out_, -1)),
      name_(std::move(other.name_)),
      buffer_(std::move(other.buffer_)) {}

LineProcess::~LineProcess() {
  close_now(in_);
  close_now(out_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

// SIGPIPE must not end this program.
// NOLINTNEXTLINE(readability-make-member-function-const): what the process reads is part of its state
void LineProcess::send(std::string_view text) {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  while (!text.empty()) {
    const ssize_t n = ::write(in_, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  ::sigaction(SIGPIPE, &before, nullptr);
}

Result<std::string> LineProcess::line(DurationMillis silence) {
  for (DurationMillis waited = 0;;) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string found = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return found;
    }
    if (buffer_.size() > kMaxLine)
      return fail(ErrorCode::kCorrupt, fmt::format("{} sent a line of more than 16 MB", name_));
    if (interrupted()) return fail(ErrorCode::kInterrupted, fmt::format("{} was interrupted", name_));
    pollfd ready{out_, POLLIN, 0};
    if (::poll(&ready, 1, kPollMs) <= 0) {
      waited += kPollMs;
      if (waited < silence) continue;
      return fail(ErrorCode::kUnavailable,
                  fmt::format("{} said nothing for {}", name_, format_duration(silence)));
    }
    std::array<char, 65536> chunk{};
    const ssize_t n = ::read(out_, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      if (interrupted()) return fail(ErrorCode::kInterrupted, fmt::format("{} was interrupted", name_));
      return fail(ErrorCode::kUnavailable,
                  fmt::format("{} ended before it was done; its reason is on standard error", name_));
    }
    buffer_.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace mop
