#pragma once
#include <bit>
#include <cstdint>

namespace mop::features {

/// `value` where the condition holds, else 0: without a branch, because which way a candle goes cannot be
/// predicted and a wrong guess costs more than the rest of an indicator.
inline double where(bool condition, double value) {
  const std::uint64_t mask = std::uint64_t{0} - static_cast<std::uint64_t>(condition);
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) & mask);
}

}  // namespace mop::features
