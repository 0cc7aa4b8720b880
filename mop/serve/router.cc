#include "mop/serve/router.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace mop::serve {
namespace {

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at + 1), path.size());
    parts.push_back(path.substr(at + 1, end - at - 1));
    at = end;
  }
  return parts;
}

// What stands at the pattern's {...}, if the path has its form.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  const auto wanted = segments(pattern), given = segments(path);
  if (wanted.size() != given.size()) return std::nullopt;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{') && !given[i].empty()) {
      values.emplace_back(given[i]);
    } else if (wanted[i] != given[i]) {
      return std::nullopt;
    }
  }
  return values;
}

bool known(std::string_view parameters, std::string_view name) {
  const auto spaced = [](std::string_view text) { return fmt::format(" {} ", text); };
  return name.find(' ') == std::string_view::npos &&
         spaced(parameters).find(spaced(name)) != std::string::npos;
}

std::optional<HttpReply> check_parameters(const Route& route, const Target& target) {
  const auto& given = target.parameters;
  for (auto it = given.begin(); it != given.end(); ++it) {
    const std::string& name = it->first;
    if (!known(route.parameters, name)) {
      return failure(400, "bad_request",
                     fmt::format("{} takes no parameter '{}'; known: {}", route.pattern, shown(name),
                                 route.parameters.empty() ? "none" : route.parameters));
    }
    if (std::any_of(given.begin(), it, [&](const auto& earlier) { return earlier.first == name; }))
      return failure(400, "bad_request", fmt::format("parameter '{}' may be given once", name));
  }
  return std::nullopt;
}

}  // namespace

tl::expected<RouteMatch, HttpReply> find_route(std::span<const Route> routes, std::string_view method,
                                               std::string_view text) {
  auto target = parse_target(text);
  if (!target || !target->path.starts_with('/')) {
    return tl::unexpected(
        failure(400, "bad_request",
                fmt::format("the request target must be a path with valid percent sequences, "
                            "was '{}'",
                            shown(text))));
  }
  std::string allowed;
  for (const Route& route : routes) {
    auto path = match(route.pattern, target->path);
    if (!path) continue;
    const bool get = route.method == "GET";
    if (method != route.method && !(get && method == "HEAD")) {
      allowed += fmt::format("{}{}{}", allowed.empty() ? "" : ", ", route.method, get ? ", HEAD" : "");
      continue;
    }
    if (auto refused = check_parameters(route, *target)) return tl::unexpected(std::move(*refused));
    return RouteMatch{&route, std::move(*target), std::move(*path)};
  }
  if (allowed.empty()) {
    return tl::unexpected(
        failure(404, "not_found",
                fmt::format("there is no {}; api/openapi.yaml lists what is", shown(target->path))));
  }
  HttpReply reply = failure(405, "method_not_allowed",
                            fmt::format("{} takes {}, not {}", shown(target->path), allowed, shown(method)));
  reply.headers.emplace_back("Allow", allowed);
  return tl::unexpected(std::move(reply));
}

}  // namespace mop::serve
