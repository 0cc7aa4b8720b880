// For tests: programs that link allocation_count.cc count their calls of operator new.
#pragma once
#include <cstddef>

namespace mop::nn::cpu {

std::size_t allocation_count();

}  // namespace mop::nn::cpu
