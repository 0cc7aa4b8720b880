#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mop/exchange/kline_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)mop::exchange::parse_stream_frame({reinterpret_cast<const char*>(data), size});
  return 0;
}
