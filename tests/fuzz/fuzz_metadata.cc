// What is read is written and read again as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mop/base/check.h"
#include "mop/store/metadata.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = mop::store::parse_metadata({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  const std::string text = to_text(*read);
  const auto again = mop::store::parse_metadata(text);
  MOP_CHECK(again.has_value() && to_text(*again) == text) << text;
  return 0;
}
