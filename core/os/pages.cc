#include "core/os/pages.h"

#include <sys/mman.h>

namespace pymemlab {

void* map_pages(std::size_t bytes) noexcept {
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return base == MAP_FAILED ? nullptr : base;
}

void advise_huge_pages(void* base, std::size_t bytes) noexcept {
  static_cast<void>(::madvise(base, bytes, MADV_HUGEPAGE));
}

void unmap_pages(void* base, std::size_t bytes) noexcept {
  static_cast<void>(::munmap(base, bytes));
}

}  // namespace pymemlab
