#include <cstddef>
#include <cstdint>
#include <string_view>

#include <boost/json.hpp>

#include "mop/base/check.h"
#include "mop/base/json.h"
#include "mop/sim/stream_command.h"

// Every text is answered: with the command, or with an error that is itself JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto command = mop::sim::parse_stream_command({reinterpret_cast<const char*>(data), size});
  const std::string& json = command ? command->id : command.error();
  const auto read_back = mop::parse_json(json, "answer");
  MOP_CHECK(read_back.has_value()) << json;
  return 0;
}
