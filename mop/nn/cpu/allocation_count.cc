#include "mop/nn/cpu/allocation_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> count{0};

void* checked(void* p) {
  if (!p) std::abort();
  return p;
}

}  // namespace

void* operator new(std::size_t size) {
  ++count;
  return checked(std::malloc(size == 0 ? 1 : size));
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  ++count;
  const auto unit = static_cast<std::size_t>(alignment);
  return checked(std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
}

void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}

namespace mop::nn::cpu {

std::size_t allocation_count() {
  return count;
}

}  // namespace mop::nn::cpu
