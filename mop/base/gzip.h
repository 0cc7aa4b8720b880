// Deflate and gzip. Boost.Beast carries a deflate of its own, so no library is linked for it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace mop {

/// CRC-32 of zip and gzip (ISO 3309).
std::uint32_t crc32(std::string_view bytes);

/// A raw deflate stream (RFC 1951).
std::string deflated(std::string_view bytes);

/// A gzip member (RFC 1952) without name or time.
std::string gzipped(std::string_view bytes);

}  // namespace mop
