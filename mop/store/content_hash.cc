#include "mop/store/content_hash.h"

#include <charconv>

#include <fmt/format.h>

namespace mop::store {
namespace {

constexpr std::string_view kPrefix = "fnv1a64:";
constexpr std::size_t kHexDigits = 16;

}  // namespace

void ContentHash::extend(std::string_view bytes) {
  constexpr std::uint64_t kPrime = 0x100000001b3ull;
  std::uint64_t h = state_;
  for (const char c : bytes)
    h = (h ^ static_cast<unsigned char>(c)) * kPrime;
  state_ = h;
}

std::string ContentHash::text() const {
  return fmt::format("{}{:016x}", kPrefix, state_);
}

Result<ContentHash> ContentHash::parse(std::string_view text) {
  std::uint64_t state = 0;
  if (text.starts_with(kPrefix) && text.size() == kPrefix.size() + kHexDigits) {
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + kPrefix.size(), end, state, 16);
    if (read.ec == std::errc{} && read.ptr == end) return ContentHash(state);
  }
  return fail(ErrorCode::kCorrupt,
              fmt::format("content hash must be {} and {} hex digits, was '{}'", kPrefix, kHexDigits, text));
}

}  // namespace mop::store
