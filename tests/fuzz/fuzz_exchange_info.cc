#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mop/exchange/binance_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)mop::exchange::parse_exchange_info(bytes);
  return 0;
}
