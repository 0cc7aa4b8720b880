// For bugs only: a broken invariant ends the program. Expected failures are a Result (result.h).
#pragma once
#include <sstream>

namespace mop::internal {

class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition);
  CheckFailure(const CheckFailure&) = delete;
  CheckFailure& operator=(const CheckFailure&) = delete;
  [[noreturn]] ~CheckFailure();  // logs what was streamed in, prints the stack, aborts
  std::ostream& stream() { return message_; }

 private:
  std::ostringstream message_;
};

struct CheckVoidify {
  void operator&(std::ostream&) const {}
};

}  // namespace mop::internal

/// MOP_CHECK(rows == out.size()) << "rows " << rows; aborts when the condition is false.
#define MOP_CHECK(condition)                      \
  (condition) ? static_cast<void>(0)              \
              : ::mop::internal::CheckVoidify() & \
                    ::mop::internal::CheckFailure(__FILE__, __LINE__, #condition).stream()
