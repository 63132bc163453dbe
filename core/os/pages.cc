#include "core/os/pages.h"

#include <sys/mman.h>

namespace pymemlab {
namespace {

// At any address that is `residue` modulo `alignment`, a power of two. REQUIRES: whole pages.
void* map_pages_with_residue(std::uintptr_t residue, std::size_t alignment,
                             std::size_t bytes) noexcept {
  void* mapped = map_pages(alignment + bytes);
  if (mapped == nullptr) return nullptr;
  const auto low = reinterpret_cast<std::uintptr_t>(mapped);
  const std::uintptr_t base = low + ((residue - low) & (alignment - 1));
  if (base != low) unmap_pages(mapped, base - low);
  if (base != low + alignment)
    unmap_pages(reinterpret_cast<void*>(base + bytes), low + alignment - base);
  return reinterpret_cast<void*>(base);
}

}  // namespace

void* map_pages(std::size_t bytes) noexcept {
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return base == MAP_FAILED ? nullptr : base;
}

void* map_pages_at(std::uintptr_t address, std::size_t bytes) noexcept {
  void* wanted = reinterpret_cast<void*>(address);
  void* base = ::mmap(wanted, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  if (base == wanted) return base;
  unmap_pages(base, bytes);  // a kernel that does not know the flag took the address as a hint
  return nullptr;
}

void* map_pages_with_residue(std::uintptr_t residue, std::size_t bytes) noexcept {
  return map_pages_with_residue(residue, bytes, bytes);
}

void* map_huge_pages(std::size_t bytes) noexcept {
  bytes = whole_pages(bytes);
  void* base = map_pages_with_residue(0, kHugePageBytes, bytes);
  if (base != nullptr) advise_huge_pages(base, bytes);
  return base;
}

void advise_huge_pages(void* base, std::size_t bytes) noexcept {
  static_cast<void>(::madvise(base, bytes, MADV_HUGEPAGE));
}

void unmap_pages(void* base, std::size_t bytes) noexcept {
  static_cast<void>(::munmap(base, bytes));
}

}  // namespace pymemlab
