// CPython's small-block allocator for one geometry, placement for placement.
//
// Requests of 1 to 512 bytes are served from pools, everything else by the public raw functions.
// Each size class has a list of used pools; requests are served from its front pool, newest freed
// block first. A full pool that gets a block back goes to the front; an empty one goes back to its
// arena at once; arenas that become wholly empty go back to the arena allocator.
//
// The bodies in this header are the hot path and make no call; everything that happens less than
// once a pool is in pymalloc_slow.h. docs/pymalloc.md is the manual.
// Threads: one at a time (CPython: the GIL).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/pymalloc/address_map.h"
#include "core/pymalloc/arenas.h"
#include "core/pymalloc/heap_costs.h"
#include "core/pymalloc/pool.h"
#include "core/pymalloc/radix_nodes.h"
#include "core/pymalloc/small_heap.h"

namespace pymemlab {

// kCounts: counts its costs(). Nothing of that is compiled into a heap that does not.
template <Geometry G, bool kCounts = false>
class PyMalloc {
  static constexpr unsigned kClassShift = std::countr_zero(G.alignment);
  static constexpr std::uintptr_t kPoolMask = ~(std::uintptr_t{G.pool_bytes} - 1);

 public:
  PyMalloc(const AllocatorRecord* raw, const ArenaRecord* arenas, const SmallHeapOptions& options)
      : raw_(raw), arena_source_(arenas), options_(options) {
    used_.fill(&none_);
  }
  PyMalloc(const PyMalloc&) = delete;
  PyMalloc& operator=(const PyMalloc&) = delete;
  ~PyMalloc();

  // CPython: _PyObject_Malloc.
  [[nodiscard]] void* malloc(std::size_t request) noexcept {
    if (request - 1 >= G.small_limit) [[unlikely]]
      return raw_malloc(request);
    const std::size_t size_class = (request - 1) >> kClassShift;
    Pool* pool = used_[size_class];
    FreeBlock* block = pool->free;
    if (block == nullptr) [[unlikely]]
      return malloc_slow(request);
    ++pool->live;
    FreeBlock* next = block->next;
    pool->free = next;
    if (next == nullptr) [[unlikely]]
      return extend(pool, block);
    return block;
  }

  // CPython: _PyObject_Free.
  void free(void* block) noexcept {
    if (!map_.in_whole_page(block)) [[unlikely]]
      return free_foreign(block);
    Pool* pool = pool_of(block);
    FreeBlock* old = pool->free;
    auto* freed = static_cast<FreeBlock*>(block);
    freed->next = old;
    pool->free = freed;
    if (--pool->live == 0) [[unlikely]]
      return empty(pool);
    if (old == nullptr) [[unlikely]]
      return was_full(pool);
  }

  // CPython: _PyObject_Realloc. A block shrinks in place by up to a quarter of its size class.
  [[nodiscard]] void* realloc(void* block, std::size_t request) noexcept {
    if (!map_.in_whole_page(block)) [[unlikely]]
      return realloc_foreign(block, request);
    const std::size_t block_bytes = pool_of(block)->block_bytes;
    if (block_bytes - request < block_bytes / 4) {  // also false when request is larger
      count(&HeapCosts::reallocs_in_place);
      return block;
    }
    return realloc_move(block, block_bytes, request);
  }

  // CPython: _PyObject_Calloc. Clears what was asked for, not the whole block.
  // REQUIRES: count * size does not overflow (the public entry points refuse that).
  [[nodiscard]] void* calloc(std::size_t count, std::size_t size) noexcept {
    const std::size_t request = count * size;
    if (request - 1 >= G.small_limit) [[unlikely]]
      return raw_calloc(count, size);
    void* block = used_[(request - 1) >> kClassShift]->free == nullptr ? from_new_pool(request)
                                                                       : malloc(request);
    return block == nullptr ? raw_calloc(count, size) : std::memset(block, 0, request);
  }

  // Exact for any pointer.
  [[nodiscard]] bool owns(const void* pointer) const noexcept {
    return map_.in_whole_page(pointer) ||
           (map_.coverage(pointer) != 0 && arena_of(pointer) != kNoArena);
  }
  // REQUIRES: owns(block), block live.
  [[nodiscard]] std::size_t block_bytes(const void* block) const noexcept {
    return pool_of(const_cast<void*>(block))->block_bytes;
  }
  [[nodiscard]] std::optional<Placement> placement(const void* pointer) const noexcept;
  [[nodiscard]] HeapStatistics statistics() const;
  void visit_arenas(void (*visit)(void* context, const ArenaOccupancy& arena), void* context) const;
  void visit_pools(void (*visit)(void* context, const PoolOccupancy& pool), void* context) const;
  [[nodiscard]] std::size_t arenas() const noexcept { return arenas_current_; }
  [[nodiscard]] std::int64_t allocated_blocks() const noexcept;
  void visit_raw_blocks(void (*visit)(void* context, const void* block), void* context) const {
    if (arenas_.storage() != nullptr) visit(context, arenas_.storage());
    nodes_.visit(visit, context);
  }
  void check_invariants() const;
  // REQUIRES: kCounts.
  [[nodiscard]] HeapCosts costs() const noexcept {
    HeapCosts costs = costs_;
    costs.arena_list_moves = arenas_.list_moves();
    return costs;
  }

 private:
  void count(std::uint64_t HeapCosts::*what, std::uint64_t times = 1) noexcept {
    if constexpr (kCounts) costs_.*what += times;
  }

  [[nodiscard]] static Pool* pool_of(void* block) noexcept {
    return reinterpret_cast<Pool*>(reinterpret_cast<std::uintptr_t>(block) & kPoolMask);
  }

  // The block just handed out was the last free one: carve one more, or the pool is full.
  [[gnu::noinline]] void* extend(Pool* pool, void* block) noexcept;
  [[gnu::noinline]] void* malloc_slow(std::size_t request) noexcept;
  // A block of a pool that the class did not have; nullptr if there is no pool to be had.
  [[gnu::noinline]] void* from_new_pool(std::size_t request) noexcept;
  [[gnu::noinline]] void was_full(Pool* pool) noexcept;
  [[gnu::noinline]] void empty(Pool* pool) noexcept;
  [[gnu::noinline]] void* realloc_move(void* block, std::size_t block_bytes,
                                       std::size_t request) noexcept;
  // Blocks of the raw allocator that come and go through us.
  [[gnu::noinline]] void* raw_malloc(std::size_t request) noexcept;
  [[gnu::noinline]] void* raw_calloc(std::size_t count, std::size_t size) noexcept;
  [[gnu::noinline]] void free_foreign(void* block) noexcept;
  [[gnu::noinline]] void* realloc_foreign(void* block, std::size_t request) noexcept;

  [[nodiscard]] Pool* take_pool() noexcept;
  [[nodiscard]] bool new_arena() noexcept;
  void release_arena(ArenaIndex arena) noexcept;
  void unlink(Pool* pool) noexcept;
  [[nodiscard]] ArenaIndex arena_of(const void* pointer) const noexcept;
  // Calls visit(pool) for every pool ever carved in the arena.
  template <typename Visit>
  void for_each_pool(const Arena& arena, Visit visit) const;
  // Calls visit(index, arena) for every live arena.
  template <typename Visit>
  void for_each_arena(Visit visit) const;

  // used_[c] is the front of class c's list of used pools, or &none_, whose free list is empty.
  std::array<Pool*, G.size_classes()> used_;
  AddressMap<G.pool_bytes> map_;
  Pool none_{};
  const AllocatorRecord* raw_;
  const ArenaRecord* arena_source_;
  SmallHeapOptions options_;
  Arenas<G, kCounts> arenas_;
  RadixNodes<G> nodes_;
  std::int64_t raw_blocks_ = 0;  // handed on to raw and not freed; may go below zero, as CPython's
  std::size_t arenas_current_ = 0;
  std::size_t arenas_total_ = 0;
  std::size_t arenas_highwater_ = 0;
  struct Nothing {};
  [[no_unique_address]] std::conditional_t<kCounts, HeapCosts, Nothing> costs_{};
};

}  // namespace pymemlab
