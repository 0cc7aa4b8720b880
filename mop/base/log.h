// The program's log: one file per verb, and the console for warnings. The only singleton MOP has.
#pragma once
#include <string>
#include <string_view>

#include "mop/base/result.h"

namespace mop {

/// Sends log lines to `path` (rotated at 10 MB, three kept) from now on. Errors: kIo.
Result<void> log_to_file(const std::string& path);

/// One line each, "2025-07-01T13:45:00.123Z info MESSAGE" (UTC; info, warning, error); control characters of
/// the message become blanks.
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

}  // namespace mop
