// Zip files as the exchange's archive sends them; libzip would write today's date and versions of its own
// into the file, this gives the same bytes for the same candles.
#pragma once
#include <string>
#include <string_view>

#include "mop/base/time.h"

namespace mop::sim {

/// A zip file with one deflated entry, modified at `modified` (UTC, to 2 s, from 1980 on).
std::string zipped(std::string_view name, std::string_view bytes, UnixMillis modified);

}  // namespace mop::sim
