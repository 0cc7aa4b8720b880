#pragma once
#include <string_view>

namespace mop::nn::cpu {

/// What the networks run on here, by Highway's name: "AVX2", "AVX3" (AVX-512), "NEON"; "EMU128" is none.
std::string_view instruction_set();

}  // namespace mop::nn::cpu
