#include "mop/serve/api_query.h"

#include <charconv>

#include <fmt/format.h>

namespace mop::serve {

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

tl::expected<std::int64_t, HttpReply> number_of(const ApiCall& call, std::string_view name, std::int64_t lo,
                                                std::int64_t hi, std::int64_t otherwise) {
  const auto text = call.target.find(name);
  if (!text) return otherwise;
  if (const auto number = whole_number(*text); number && *number >= lo && *number <= hi) return *number;
  return tl::unexpected(
      failure(400, "invalid_argument",
              fmt::format("{} must be a whole number {}..{}, was '{}'", name, lo, hi, shown(*text))));
}

}  // namespace mop::serve
