#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mop/app/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)mop::app::parse_settings(bytes, "mop.toml");
  return 0;
}
