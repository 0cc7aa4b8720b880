#pragma once
#include <cstddef>
#include <functional>

namespace mop {

/// Runs work(i) for i in 0..count-1 on up to `threads` threads; the next free thread takes the next index,
/// so put the longest first. Returns when all are done. `work` must not throw; results go where it puts them.
void parallel_for(std::size_t count, std::size_t threads, const std::function<void(std::size_t)>& work);

/// Cores this process may use, at least 1.
std::size_t usable_cores();

}  // namespace mop
