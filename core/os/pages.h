// Bare pages for code that may not throw and that keeps the books itself: allocators. Everything
// else holds a MappedRegion.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pymemlab {

inline constexpr std::size_t kPageBytes = 4096;
inline constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
constexpr std::size_t whole_pages(std::size_t bytes) noexcept {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

// An anonymous private readable and writable mapping of `bytes`, wherever the kernel puts it;
// nullptr if it refuses.
[[nodiscard]] void* map_pages(std::size_t bytes) noexcept;
// The same at `address`, a page boundary; nullptr if anything is there already.
[[nodiscard]] void* map_pages_at(std::uintptr_t address, std::size_t bytes) noexcept;
// The same at any address that is `residue` modulo `bytes`. REQUIRES: bytes is a power of two.
[[nodiscard]] void* map_pages_with_residue(std::uintptr_t residue, std::size_t bytes) noexcept;
// The same at a boundary of huge pages, which are asked for.
[[nodiscard]] void* map_huge_pages(std::size_t bytes) noexcept;
// Asks for transparent huge pages in [base, base + bytes); the kernel may ignore it.
void advise_huge_pages(void* base, std::size_t bytes) noexcept;
void unmap_pages(void* base, std::size_t bytes) noexcept;

}  // namespace pymemlab
