#include "mop/features/large_pages.h"

#include <cstdlib>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mop::features {

void* allocate_large_pages(std::size_t bytes) {
  constexpr std::size_t kLargePage = std::size_t{2} << 20, kCacheLine = 64;
  const std::size_t alignment = bytes < 2 * kLargePage ? kCacheLine : kLargePage;
  const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, whole);
  if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
  if (alignment == kLargePage) ::madvise(memory, whole, MADV_HUGEPAGE);  // advice: it works without
#endif
  return memory;
}

void free_large_pages(void* memory) {
  std::free(memory);
}

}  // namespace mop::features
