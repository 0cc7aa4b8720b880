// Deflate, gzip and zip as the exchange's hosts send them. Boost.Beast carries a deflate of its own, so no
// library is linked for it; libzip would write today's date and versions of its own into the file, this gives
// the same bytes for the same candles.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "mop/base/time.h"

namespace mop::sim {

/// CRC-32 of zip and gzip (ISO 3309).
std::uint32_t crc32(std::string_view bytes);

/// A raw deflate stream (RFC 1951).
std::string deflated(std::string_view bytes);

/// A gzip member (RFC 1952) without name or time.
std::string gzipped(std::string_view bytes);

/// A zip file with one deflated entry, modified at `modified` (UTC, to 2 s, from 1980 on).
std::string zipped(std::string_view name, std::string_view bytes, UnixMillis modified);

}  // namespace mop::sim
