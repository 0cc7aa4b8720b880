#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mop/nn/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)mop::nn::parse_safetensors(bytes, "fuzz.safetensors");
  return 0;
}
