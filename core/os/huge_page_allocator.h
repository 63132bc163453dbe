// An allocator for vectors that grow large and are read here and there: from the size of a huge
// page on, their memory is on such pages if the kernel gives them. That saves most page faults and
// most misses of the address translation; what it may cost is memory, up to a huge page for each
// vector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "core/os/pages.h"

namespace pymemlab {

template <typename T>
class HugePageAllocator {
 public:
  using value_type = T;

  HugePageAllocator() noexcept = default;
  template <typename U>
  HugePageAllocator(const HugePageAllocator<U>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t elements) {
    if (!is_large(elements)) return std::allocator<T>().allocate(elements);
    if (elements > PTRDIFF_MAX / sizeof(T)) throw std::bad_array_new_length();
    void* memory = map_huge_pages(elements * sizeof(T));
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t elements) noexcept {
    if (!is_large(elements)) return std::allocator<T>().deallocate(memory, elements);
    unmap_pages(memory, elements * sizeof(T));
  }

  // How many elements to ask for where at least `elements` are needed: whole huge pages, unless
  // they would be mostly empty.
  [[nodiscard]] static constexpr std::size_t room_for(std::size_t elements) noexcept {
    constexpr std::size_t kInPage = kHugePageBytes / sizeof(T);
    if (elements < kInPage / 8) return elements;
    return (elements + kInPage - 1) / kInPage * kInPage;
  }

  friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) noexcept {
    return true;
  }

 private:
  static constexpr bool is_large(std::size_t elements) noexcept {
    return elements >= kHugePageBytes / sizeof(T);
  }
};

template <typename T>
using LargeVector = std::vector<T, HugePageAllocator<T>>;

}  // namespace pymemlab
