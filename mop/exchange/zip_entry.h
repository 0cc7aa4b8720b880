#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "mop/base/result.h"

namespace mop::exchange {

/// The one file inside a zip, decompressed; whatever the bytes are, the answer is its content or an error.
/// Its check sum is verified. `what` names the zip. Errors: kCorrupt (no zip, not exactly one file, larger
/// than `max_bytes`, check sum wrong, encrypted).
Result<std::string> only_zip_entry(std::string_view zip, std::size_t max_bytes, std::string_view what);

}  // namespace mop::exchange
