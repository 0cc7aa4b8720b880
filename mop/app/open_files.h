#pragma once
#include <cstddef>

namespace mop::app {

/// How many of `wanted` connections fit under this process's limit of open files (RLIMIT_NOFILE) beside the
/// kOwnFiles that the program itself needs. Raises the soft limit as far as they need and the hard one
/// allows.
std::size_t connections_that_fit(std::size_t wanted);
inline constexpr std::size_t kOwnFiles = 128;  // candles, ledger, logs, the exchange: with room to spare

}  // namespace mop::app
