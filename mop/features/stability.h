#pragma once
#include <cstdint>
#include <string_view>

namespace mop::features {

/// How far a value depends on where the history it was computed from begins.
enum class Stability : std::uint8_t {
  kExact,          // only the last `warmup` candles: bit-equal from any earlier start
  kConverging,     // the start fades exponentially (EMA, Wilder smoothing)
  kPathDependent,  // the start never fades (cumulative sums): not comparable between two starts
};

/// "exact", "converging", "path-dependent".
std::string_view to_string(Stability stability);

}  // namespace mop::features
