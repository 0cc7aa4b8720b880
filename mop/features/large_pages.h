// Memory for whole matrices of columns.
#pragma once
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace mop::features {

/// Memory on a boundary of large pages, which the system is asked to back it with: a page fault per 4 KiB
/// takes longer than computing what is written there. Throws std::bad_alloc.
void* allocate_large_pages(std::size_t bytes);
void free_large_pages(void* memory);

/// For vectors of columns: values that are about to be overwritten are not set to 0 first.
template <typename T>
struct ColumnAllocator {
  using value_type = T;
  ColumnAllocator() = default;
  template <typename U>
  explicit ColumnAllocator(const ColumnAllocator<U>&) {}

  T* allocate(std::size_t n) { return static_cast<T*>(allocate_large_pages(n * sizeof(T))); }
  void deallocate(T* memory, std::size_t) { free_large_pages(memory); }
  template <typename U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Args>
  void construct(U* place, Args&&... args) {
    std::construct_at(place, std::forward<Args>(args)...);
  }
  friend bool operator==(const ColumnAllocator&, const ColumnAllocator&) { return true; }
};

using ColumnVector = std::vector<double, ColumnAllocator<double>>;

}  // namespace mop::features
