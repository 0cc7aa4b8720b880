// Instants and durations as MOP uses them: 64-bit milliseconds since 1970-01-01 UTC, leap seconds ignored.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "mop/base/result.h"

namespace mop {

using UnixMillis = std::int64_t;
using DurationMillis = std::int64_t;

inline constexpr DurationMillis kSecond = 1000;
inline constexpr DurationMillis kMinute = 60 * kSecond;
inline constexpr DurationMillis kHour = 60 * kMinute;
inline constexpr DurationMillis kDay = 24 * kHour;

/// "2025-07-01 13:45" (UTC; seconds are shown only when they are not zero).
std::string format_utc(UnixMillis t);
/// "2025-07-01".
std::string format_utc_date(UnixMillis t);

/// Accepts "2025-07-01", "2025-07-01 13:45[:10[.123]]", the same with 'T' and an optional "Z", "+00:00" or
/// " UTC". Errors: kInvalidArgument naming the text and the accepted form.
Result<UnixMillis> parse_utc(std::string_view text);

/// "1m 23s", "2h 05m", "3d 04h", "450 ms": for people.
std::string format_duration(DurationMillis d);

}  // namespace mop
