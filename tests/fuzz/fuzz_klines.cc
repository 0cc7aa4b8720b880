#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mop/exchange/binance_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)mop::exchange::parse_klines(bytes);
  (void)mop::exchange::parse_server_time(bytes);
  (void)mop::exchange::parse_api_error(bytes);
  return 0;
}
