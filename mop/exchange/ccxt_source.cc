#include "mop/exchange/ccxt_source.h"

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
#include <optional>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/interrupt.h"
#include "mop/base/json.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants the program to declare it

namespace mop::exchange {
namespace {

namespace bj = boost::json;
using market::Candle;
using market::Decimal;

constexpr std::size_t kMaxLine = 16u << 20;
constexpr int kPollMs = 200;

ErrorCode code_of(std::string_view kind) {
  if (kind == "not_found") return ErrorCode::kNotFound;
  if (kind == "rate_limited") return ErrorCode::kRateLimited;
  if (kind == "unsupported") return ErrorCode::kUnsupported;
  if (kind == "unavailable") return ErrorCode::kUnavailable;
  return ErrorCode::kCorrupt;
}

tl::unexpected<Error> bad(std::string_view why) {
  return fail(ErrorCode::kCorrupt, fmt::format("the ccxt edge sent a wrong line: {}", why));
}

std::string_view text_of(const bj::object& object, std::string_view key) {
  const bj::value* v = object.if_contains(key);
  return v != nullptr && v->is_string() ? std::string_view(v->get_string()) : std::string_view();
}

// [open time, "open", "high", "low", "close", "volume"]
Result<Candle> read_row(const bj::value& value, market::Interval interval) {
  const bj::array* row = value.if_array();
  if (row == nullptr || row->size() != 6 || !(*row)[0].is_int64()) {
    return bad("a row must be an open time and five decimals");
  }
  Candle c;
  c.open_time = (*row)[0].get_int64();
  if (c.open_time < 0 || c.open_time >= 100'000'000'000'000) return bad("an open time out of range");
  c.close_time = c.open_time + market::length_of(interval) - 1;
  const std::array<Decimal*, 5> fields{&c.open, &c.high, &c.low, &c.close, &c.volume};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const bj::string* text = (*row)[i + 1].if_string();
    if (text == nullptr) return bad("a row must be an open time and five decimals");
    MOP_TRY_ASSIGN(*fields[i], Decimal::parse({text->data(), text->size()}));
  }
  MOP_TRY(market::validate(c, interval));
  return c;
}

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

// A child with its standard input and output on pipes; killed when still running at the end.
class Child {
 public:
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Result<void> start(const std::string& program, const std::string& script) {
    std::array<int, 2> in{}, out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0) return fail(ErrorCode::kIo, "no pipe could be made");
    Fd child_in(in[0]);
    in_.reset(in[1]);
    if (::pipe2(out.data(), O_CLOEXEC) != 0) return fail(ErrorCode::kIo, "no pipe could be made");
    out_.reset(out[0]);
    Fd child_out(out[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, child_in.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, child_out.get(), STDOUT_FILENO);
    std::string program_text = program, script_text = script;
    const std::array<char*, 3> arguments{program_text.data(), script_text.data(), nullptr};
    const int error = ::posix_spawnp(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error == 0) return {};
    pid_ = -1;
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} could not be started ({}); other exchanges need Node.js 20 or newer", program,
                            std::generic_category().message(error)));
  }

  // The child may be gone already: then its last line says why, and SIGPIPE must not end this program.
  void send_and_close(std::string_view text) {
    struct sigaction ignore {
    }, before{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before);
    while (!text.empty()) {
      const ssize_t n = ::write(in_.get(), text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    ::sigaction(SIGPIPE, &before, nullptr);
    in_.reset();
  }

  /// The next line without its end; nothing when the child closed its output. Errors: kUnavailable, kCorrupt,
  /// kInterrupted.
  Result<std::optional<std::string>> line(DurationMillis silence_ms) {
    for (DurationMillis waited = 0;;) {
      if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
        std::string found = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return std::optional(std::move(found));
      }
      if (buffer_.size() > kMaxLine) return bad("a line of more than 16 MB");
      if (interrupted()) return fail(ErrorCode::kInterrupted, "fetch through ccxt interrupted");
      pollfd ready{out_.get(), POLLIN, 0};
      if (::poll(&ready, 1, kPollMs) <= 0) {
        waited += kPollMs;
        if (waited < silence_ms) continue;
        return fail(ErrorCode::kUnavailable,
                    fmt::format("the ccxt edge said nothing for {}", format_duration(silence_ms)));
      }
      std::array<char, 65536> chunk{};
      const ssize_t n = ::read(out_.get(), chunk.data(), chunk.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return std::optional<std::string>();
      buffer_.append(chunk.data(), static_cast<std::size_t>(n));
    }
  }

 private:
  pid_t pid_ = -1;
  Fd in_, out_;
  std::string buffer_;
};

std::string unified(std::string_view symbol) {
  constexpr std::string_view kQuote = "USDT";
  if (!symbol.ends_with(kQuote)) return std::string(symbol);
  return fmt::format("{}/{}", symbol.substr(0, symbol.size() - kQuote.size()), kQuote);
}

}  // namespace

Result<CcxtLine> parse_ccxt_line(std::string_view line, market::Interval interval) {
  MOP_TRY_ASSIGN(const bj::value document, parse_json(line, "line of the ccxt edge"));
  const bj::object* object = document.if_object();
  if (object == nullptr) return bad("it must be an object");
  if (const bj::value* error = object->if_contains("error"); error != nullptr && error->is_object()) {
    const bj::object& e = error->get_object();
    return fail(code_of(text_of(e, "kind")), std::string(text_of(e, "message").substr(0, 500)));
  }
  CcxtLine read;
  if (const bj::value* done = object->if_contains("done")) {
    read.done = done->is_bool() && done->get_bool();
    return read;
  }
  const bj::value* rows = object->if_contains("rows");
  if (rows == nullptr || !rows->is_array()) return bad("it must have rows, done or error");
  for (const bj::value& row : rows->get_array()) {
    MOP_TRY_ASSIGN(const Candle candle, read_row(row, interval));
    if (!read.candles.empty() && candle.open_time <= read.candles.back().open_time) {
      return bad(fmt::format("candle of {} does not come after {}", format_utc(candle.open_time),
                             format_utc(read.candles.back().open_time)));
    }
    read.candles.push_back(candle);
  }
  return read;
}

Result<std::string> find_ccxt_edge() {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path below = fs::path("ccxt") / "candles.mjs";
  if (const char* given = std::getenv("MOP_EDGES"); given != nullptr && *given != '\0') {
    if (fs::exists(fs::path(given) / below, ignored)) return (fs::path(given) / below).string();
  }
  fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (int up = 0; up < 5 && !folder.empty(); ++up, folder = folder.parent_path()) {
    if (fs::exists(folder / "edges" / below, ignored)) return (folder / "edges" / below).string();
  }
  return fail(ErrorCode::kUnsupported,
              "edges/ccxt/candles.mjs was not found beside or above the program; set MOP_EDGES to the edges "
              "directory of MOP's sources");
}

Result<std::size_t> fetch_ccxt(const CcxtOptions& options, const CcxtRequest& request,
                               const OnForeignCandles& sink) {
  std::string script = options.script;
  if (script.empty()) {
    MOP_TRY_ASSIGN(script, find_ccxt_edge());
  }
  Child child;
  MOP_TRY(child.start(options.node, script));
  child.send_and_close(to_json_text(bj::object{{"exchange", request.exchange},
                                               {"symbol", unified(request.symbol)},
                                               {"timeframe", market::to_string(request.interval)},
                                               {"since", request.since},
                                               {"until", request.until},
                                               {"url", options.url}}) +
                       "\n");
  std::size_t count = 0;
  UnixMillis last = -1;
  while (true) {
    MOP_TRY_ASSIGN(const auto line, child.line(options.silence_ms));
    if (!line) {
      return fail(ErrorCode::kUnavailable,
                  "the ccxt edge ended before it was done; its reason is on standard error");
    }
    MOP_TRY_ASSIGN(CcxtLine read, parse_ccxt_line(*line, request.interval));
    if (read.done) return count;
    std::erase_if(read.candles, [&](const Candle& c) {
      return c.open_time <= last || c.open_time < request.since || c.close_time >= request.until;
    });
    if (read.candles.empty()) continue;
    last = read.candles.back().open_time;
    count += read.candles.size();
    MOP_TRY(sink(read.candles));
  }
}

}  // namespace mop::exchange
