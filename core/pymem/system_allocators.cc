#include "core/pymem/system_allocators.h"

#include <malloc.h>

#include <cstdlib>

#include "core/os/pages.h"

namespace pymemlab {
namespace {

void* raw_malloc(void*, std::size_t size) { return std::malloc(size == 0 ? 1 : size); }

void* raw_calloc(void*, std::size_t count, std::size_t size) {
  const bool empty = count == 0 || size == 0;
  return std::calloc(empty ? 1 : count, empty ? 1 : size);
}

void* raw_realloc(void*, void* block, std::size_t size) {
  return std::realloc(block, size == 0 ? 1 : size);
}

void raw_free(void*, void* block) { std::free(block); }

void* plain_malloc(void*, std::size_t size) { return std::malloc(size); }

void* plain_calloc(void*, std::size_t count, std::size_t size) { return std::calloc(count, size); }

void* plain_realloc(void*, void* block, std::size_t size) { return std::realloc(block, size); }

void* map_arena(void*, std::size_t size) { return map_pages(size); }

void* map_advised_arena(void*, std::size_t size) {
  void* base = map_pages(size);
  if (base != nullptr) advise_huge_pages(base, size);
  return base;
}

void unmap_arena(void*, void* base, std::size_t size) { unmap_pages(base, size); }

void* malloc_arena(void*, std::size_t size) { return std::malloc(size); }

void free_arena(void*, void* base, std::size_t) { std::free(base); }

}  // namespace

AllocatorRecord libc_raw_allocator() noexcept {
  return {.malloc = raw_malloc, .calloc = raw_calloc, .realloc = raw_realloc, .free = raw_free};
}

AllocatorRecord libc_allocator() noexcept {
  return {
      .malloc = plain_malloc, .calloc = plain_calloc, .realloc = plain_realloc, .free = raw_free};
}

std::size_t libc_usable_bytes(const void* base) noexcept {
  return ::malloc_usable_size(const_cast<void*>(base));
}

ArenaRecord mmap_arenas() noexcept { return {.alloc = map_arena, .free = unmap_arena}; }

ArenaRecord huge_page_advised_arenas() noexcept {
  return {.alloc = map_advised_arena, .free = unmap_arena};
}

ArenaRecord malloc_arenas() noexcept { return {.alloc = malloc_arena, .free = free_arena}; }

}  // namespace pymemlab
