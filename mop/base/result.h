// How every fallible MOP function reports an expected failure. See docs/architecture.md, "Errors".
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace mop {

enum class ErrorCode : std::uint8_t {  // values reach logs, exit codes and JSON: append only
  kInvalidArgument = 1,
  kNotFound = 2,
  kCorrupt = 3,
  kUnavailable = 4,
  kRateLimited = 5,
  kUnsupported = 6,
  kDeviceLost = 7,
  kIo = 8,
  kInterrupted = 9,
  kRefused = 10,  // a rule of honesty forbids it, e.g. scoring a model on candles it was fitted on
};

/// The code as text in JSON replies: "invalid_argument", "not_found", ...
std::string_view to_string(ErrorCode code);
/// The code that is named so; `otherwise` when none is.
ErrorCode parse_error_code(std::string_view name, ErrorCode otherwise);

struct Error {
  ErrorCode code;
  std::string message;  // subject, rule, actual value, remedy; no trailing full stop
};

// tl::expected 1.0 is not [[nodiscard]]; this is, so a dropped error is a compile error.
template <typename T>
struct [[nodiscard]] Result : tl::expected<T, Error> {
  using tl::expected<T, Error>::expected;
};

/// `return fail(ErrorCode::kNotFound, fmt::format(...));` in any function that returns a Result.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace mop

#define MOP_CONCAT_INNER(a, b) a##b
#define MOP_CONCAT(a, b) MOP_CONCAT_INNER(a, b)

/// Runs a Result<void> (or drops the value of a Result<T>) and returns its error to the caller.
#define MOP_TRY(expr)                                        \
  do {                                                       \
    if (auto mop_try_result = (expr); !mop_try_result) {     \
      return ::mop::fail(std::move(mop_try_result).error()); \
    }                                                        \
  } while (false)

/// MOP_TRY_ASSIGN(const auto series, read(path)); declares `series` or returns the error to the caller.
#define MOP_TRY_ASSIGN(decl, expr) MOP_TRY_ASSIGN_INNER(MOP_CONCAT(mop_try_, __LINE__), decl, expr)
#define MOP_TRY_ASSIGN_INNER(tmp, decl, expr)           \
  auto tmp = (expr);                                    \
  if (!tmp) return ::mop::fail(std::move(tmp).error()); \
  decl = std::move(*tmp)
