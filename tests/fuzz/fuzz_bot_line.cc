#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mop/app/bot_line.h"

// A line is understood or refused; what it tells people is not empty.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mop::app::BotLine;
  const auto line = mop::app::parse_bot_line({reinterpret_cast<const char*>(data), size});
  if (line && line->kind == BotLine::Kind::kTrouble && line->text.empty()) std::abort();
  return 0;
}
