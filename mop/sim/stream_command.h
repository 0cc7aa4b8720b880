#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace mop::sim {

/// One command of a stream client, e.g. {"method":"SUBSCRIBE","params":["btcusdt@kline_15m"],"id":1}.
struct StreamCommand {
  enum class Method : std::uint8_t { kSubscribe, kUnsubscribe, kList, kSetProperty, kGetProperty };
  Method method = Method::kSubscribe;
  std::vector<std::string> streams;  // of SUBSCRIBE and UNSUBSCRIBE
  bool combined = false;             // of SET_PROPERTY
  std::string id = "null";           // as JSON: a 64-bit integer, a string, or null
};

/// The command, or the text of the error object with code and msg (0 unknown property, 1 wrong type of value,
/// 2 invalid request, 3 invalid JSON; the id too where it could be read) that answers it.
tl::expected<StreamCommand, std::string> parse_stream_command(std::string_view text);

}  // namespace mop::sim
