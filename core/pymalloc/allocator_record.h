// The two records through which CPython's memory can be replaced, field for field.
// They live below everything that allocates, because pymalloc itself calls out through both.
#pragma once

#include <cstddef>

namespace pymemlab {

// One domain's allocator. Every function gets `context` first. A size of zero must give a distinct
// non-null block; failure is nullptr. CPython: PyMemAllocatorEx.
struct AllocatorRecord {
  void* context = nullptr;
  void* (*malloc)(void* context, std::size_t size) = nullptr;
  void* (*calloc)(void* context, std::size_t count, std::size_t size) = nullptr;
  void* (*realloc)(void* context, void* block, std::size_t size) = nullptr;
  void (*free)(void* context, void* block) = nullptr;

  friend bool operator==(const AllocatorRecord&, const AllocatorRecord&) = default;
};

// Where arenas come from. `size` is the arena size of the geometry in use; failure is nullptr.
// CPython: PyObjectArenaAllocator.
struct ArenaRecord {
  void* context = nullptr;
  void* (*alloc)(void* context, std::size_t size) = nullptr;
  void (*free)(void* context, void* base, std::size_t size) = nullptr;

  friend bool operator==(const ArenaRecord&, const ArenaRecord&) = default;
};

}  // namespace pymemlab
