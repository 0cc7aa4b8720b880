#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mop/exchange/zip_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)mop::exchange::only_zip_entry(bytes, 1u << 20, "fuzz.zip");
  return 0;
}
