// JSON text. Values are Boost.JSON's; only .cc files include its headers.
#pragma once
#include <string>
#include <string_view>

#include "mop/base/result.h"

namespace boost::json {
class object;
class value;
}  // namespace boost::json

namespace mop {

/// Shortest text that reads back to the same doubles ("0.1", not "1E-1"); NaN and infinities become null.
/// Keys keep their order. `indent` > 0 puts each member on its own line.
std::string to_json_text(const boost::json::value& value, int indent = 0);

/// Strict JSON, at most 64 levels deep. Errors: kCorrupt with the position; `what` names the document.
Result<boost::json::value> parse_json(std::string_view text, std::string_view what);

/// The text under a key, "" when there is none.
std::string text_member(const boost::json::object& object, std::string_view key);
/// The object under a key, null when there is none.
const boost::json::object* object_member(const boost::json::object& object, std::string_view key);

}  // namespace mop
