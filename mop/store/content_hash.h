#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "mop/base/result.h"

namespace mop::store {

/// FNV-1a, 64 bits, over all bytes of a file from its first. The state after n bytes is the hash of those n
/// bytes, so appended bytes extend it without reading the file again. It guards against accidents (a crash, a
/// hand edit, a bad disk), not against a forger. Source: Fowler, Noll, Vo (offset 0xcbf29ce484222325, prime
/// 0x100000001b3).
class ContentHash {
 public:
  ContentHash() = default;
  explicit ContentHash(std::uint64_t state) : state_(state) {}
  void extend(std::string_view bytes);
  std::uint64_t value() const { return state_; }
  /// "fnv1a64:" and 16 hex digits, as in metadata.json.
  std::string text() const;
  /// Errors: kCorrupt.
  static Result<ContentHash> parse(std::string_view text);

  friend bool operator==(const ContentHash&, const ContentHash&) = default;

 private:
  std::uint64_t state_ = 0xcbf29ce484222325ull;
};

}  // namespace mop::store
