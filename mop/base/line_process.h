// A process beside this one that is given one text and answers in lines: what of MOP runs in Node.js
// (edges/).
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "mop/base/result.h"
#include "mop/base/time.h"

namespace boost::json {
class object;
}

namespace mop {

/// edges/<below>, e.g. "ccxt/candles.mjs": in $MOP_EDGES, or beside or above the program. Errors:
/// kUnsupported.
Result<std::string> find_edge(std::string_view below);

/// A line of an edge: an object. Errors: kCorrupt; what the line says itself under "error", a "message" with
/// a "kind" that is an ErrorCode's name. `name` is used in messages, as LineProcess's.
Result<boost::json::object> parse_edge_line(std::string_view line, std::string_view name);

/// Killed when it still runs at the end. Its standard error is this process's.
class LineProcess {
 public:
  /// Starts `program script`; the program is looked up in PATH. `name` is used in messages: "the ccxt edge".
  /// Errors: kUnsupported when there is no such program, kIo.
  static Result<LineProcess> start(const std::string& program, const std::string& script, std::string name);
  LineProcess(LineProcess&& other) noexcept;
  LineProcess& operator=(LineProcess&& other) = delete;
  LineProcess(const LineProcess&) = delete;
  ~LineProcess();

  /// What it reads. Its standard input stays open until this process lets go of it, however that comes about:
  /// by that it knows that nobody waits any more. When it is gone already, its last line says why.
  void send(std::string_view text);
  /// The next line without its end. Errors: kUnavailable when it closed its output or said nothing for
  /// `silence`, kCorrupt when the line has more than 16 MB, kInterrupted.
  Result<std::string> line(DurationMillis silence);

 private:
  LineProcess(pid_t pid, int in, int out, std::string name)
      : pid_(pid), in_(in), out_(out), name_(std::move(name)) {}

  pid_t pid_;  // -1: handed on
  int in_, out_;
  std::string name_, buffer_;
};

}  // namespace mop
