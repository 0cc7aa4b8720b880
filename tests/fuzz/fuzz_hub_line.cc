#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mop/app/hub.h"

// A line is understood whole or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mop::app::HubLine;
  const auto line = mop::app::parse_hub_line({reinterpret_cast<const char*>(data), size});
  if (line && line->kind == HubLine::Kind::kPulled && (line->text.empty() || line->sha256.size() != 64))
    std::abort();
  return 0;
}
