// What stands below everything: the C library's malloc and the kernel's pages, as records.
#pragma once

#include <cstddef>

#include "core/pymalloc/allocator_record.h"

namespace pymemlab {

// CPython's default raw functions over libc: malloc(0) asks for 1, calloc with a zero for (1, 1),
// realloc to 0 for 1. `context` is not used. CPython: _PyMem_RawMalloc and its kin.
[[nodiscard]] AllocatorRecord libc_raw_allocator() noexcept;
// malloc, calloc, realloc and free as the program sees them, zeros included.
[[nodiscard]] AllocatorRecord libc_allocator() noexcept;
// malloc_usable_size: the bytes that a live block of either really has.
[[nodiscard]] std::size_t libc_usable_bytes(const void* base) noexcept;

// Anonymous private mappings, as CPython's default arena allocator makes them.
[[nodiscard]] ArenaRecord mmap_arenas() noexcept;
// The same with the advice to use transparent huge pages. CPython 3.15+.
[[nodiscard]] ArenaRecord huge_page_advised_arenas() noexcept;
// Arenas from malloc, CPython's fallback where there is no mmap.
[[nodiscard]] ArenaRecord malloc_arenas() noexcept;

}  // namespace pymemlab
