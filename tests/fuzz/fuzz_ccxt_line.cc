#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mop/exchange/ccxt_source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)mop::exchange::parse_ccxt_line(bytes, mop::market::Interval::k1h);
  return 0;
}
