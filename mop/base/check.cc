#include "mop/base/check.h"

#include <execinfo.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace mop::internal {

CheckFailure::CheckFailure(const char* file, int line, const char* condition) {
  message_ << file << ':' << line << ": check failed: " << condition << ' ';
}

CheckFailure::~CheckFailure() {
  std::cerr << message_.str() << std::endl;
  void* frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
  std::abort();
}

}  // namespace mop::internal
