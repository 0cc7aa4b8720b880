// Parameters of a request's query, as the API's endpoints read them.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include <tl/expected.hpp>

#include "mop/serve/router.h"

namespace mop::serve {

/// None unless the whole text is one.
std::optional<std::int64_t> whole_number(std::string_view text);

/// A whole number of the query inside lo..hi; a refusal when it is not.
tl::expected<std::int64_t, HttpReply> number_of(const ApiCall& call, std::string_view name, std::int64_t lo,
                                                std::int64_t hi, std::int64_t otherwise);

}  // namespace mop::serve
