#include "mop/sim/stream_command.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"

namespace mop::sim {
namespace {

namespace bj = boost::json;
using Method = StreamCommand::Method;

constexpr std::array<std::pair<std::string_view, Method>, 5> kMethods{
    {{"SUBSCRIBE", Method::kSubscribe},
     {"UNSUBSCRIBE", Method::kUnsubscribe},
     {"LIST_SUBSCRIPTIONS", Method::kList},
     {"SET_PROPERTY", Method::kSetProperty},
     {"GET_PROPERTY", Method::kGetProperty}}};

tl::unexpected<std::string> error(int code, std::string_view message, const std::string& id = {}) {
  std::string text = to_json_text(bj::object{{"code", code}, {"msg", message}});
  if (!id.empty()) text.insert(text.size() - 1, fmt::format(R"(,"id":{})", id));
  return tl::unexpected<std::string>(std::move(text));
}

bool is_id_text(std::string_view text) {
  const auto alphanumeric = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= 36 && std::all_of(text.begin(), text.end(), alphanumeric);
}

// The id as JSON; "" when it is none.
std::string read_id(const bj::object& command) {
  const bj::value* id = command.if_contains("id");
  if (!id || id->is_null()) return "null";
  if (id->is_int64()) return std::to_string(id->get_int64());
  if (id->is_string() && is_id_text(std::string_view(id->get_string()))) return to_json_text(*id);
  return {};
}

tl::expected<void, std::string> read_property(const bj::array& params, StreamCommand& command) {
  const std::size_t wanted = command.method == Method::kSetProperty ? 2 : 1;
  if (params.size() > wanted) return error(2, "Invalid request: too many parameters", command.id);
  if (params.size() < wanted) return error(2, "Invalid request: too few parameters", command.id);
  if (!params[0].is_string()) return error(2, "Invalid request: property name must be a string", command.id);
  if (params[0].get_string() != "combined") return error(0, "Unknown property", command.id);
  if (wanted == 1) return {};
  if (!params[1].is_bool()) return error(1, "Invalid value type: expected Boolean", command.id);
  command.combined = params[1].get_bool();
  return {};
}

tl::expected<void, std::string> read_params(const bj::object& object, StreamCommand& command) {
  if (command.method == Method::kList) return {};
  const bj::value* params = object.if_contains("params");
  if (!params || !params->is_array()) return error(2, "Invalid request: params must be an array", command.id);
  if (command.method == Method::kSetProperty || command.method == Method::kGetProperty) {
    return read_property(params->get_array(), command);
  }
  for (const bj::value& name : params->get_array()) {
    if (!name.is_string()) return error(2, "Invalid request: stream name must be a string", command.id);
    command.streams.emplace_back(name.get_string());
  }
  return {};
}

}  // namespace

tl::expected<StreamCommand, std::string> parse_stream_command(std::string_view text) {
  const auto document = parse_json(text, "command");
  if (!document) return error(3, "Invalid JSON: " + document.error().message);
  if (!document->is_object()) return error(2, "Invalid request: expected an object");
  const bj::object& object = document->get_object();
  StreamCommand command;
  command.id = read_id(object);
  if (command.id.empty()) {
    return error(2,
                 "Invalid request: request ID must be an integer, an alphanumeric string of at most 36 "
                 "characters, or null");
  }
  const bj::value* method = object.if_contains("method");
  if (!method) return error(2, "Invalid request: missing field `method`", command.id);
  const auto known = std::find_if(kMethods.begin(), kMethods.end(), [&](const auto& m) {
    return method->is_string() && m.first == std::string_view(method->get_string());
  });
  if (known == kMethods.end()) {
    return error(
        2,
        fmt::format("Invalid request: unknown variant {}, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, "
                    "`LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`",
                    to_json_text(*method).substr(0, 60)),
        command.id);
  }
  command.method = known->second;
  if (auto read = read_params(object, command); !read) return tl::unexpected<std::string>(read.error());
  return command;
}

}  // namespace mop::sim
