#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mop/exchange/archive_csv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)mop::exchange::parse_archive_csv(bytes, mop::market::Interval::k1h, "fuzz.csv");
  return 0;
}
