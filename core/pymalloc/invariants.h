// PyMalloc::check_invariants: the equations of pool.h and arenas.h, asserted over the whole heap.
#pragma once

#include <vector>

#include "core/base/check.h"
#include "core/pymalloc/pymalloc_slow.h"

namespace pymemlab {

template <Geometry G, bool kCounts>
void PyMalloc<G, kCounts>::check_invariants() const {
  // Every pool: free blocks are inside, carved, and as many as the counts say.
  std::vector<std::size_t> partly_used(G.size_classes());
  std::vector<std::size_t> empty_pools(arenas_.slots());
  for_each_arena([&](ArenaIndex i, const Arena& arena) {
    for_each_pool(arena, [&](const Pool& pool) {
      PYMEMLAB_CHECK(pool.arena == i && pool.size_class != Pool::kNoClass);
      const std::size_t block_bytes = G.block_bytes(pool.size_class);
      const std::size_t carved = (pool.next_virgin - G.pool_header_bytes) / block_bytes;
      std::size_t free_blocks = 0;
      for (const FreeBlock* block = pool.free; block != nullptr; block = block->next) {
        const auto offset =
            reinterpret_cast<std::uintptr_t>(block) - reinterpret_cast<std::uintptr_t>(&pool);
        PYMEMLAB_CHECK(offset >= G.pool_header_bytes && offset < pool.next_virgin);
        PYMEMLAB_CHECK((offset - G.pool_header_bytes) % block_bytes == 0);
        PYMEMLAB_CHECK(++free_blocks <= carved);
      }
      PYMEMLAB_CHECK(pool.block_bytes == block_bytes &&
                     pool.last_virgin == G.pool_bytes - block_bytes);
      PYMEMLAB_CHECK(pool.live + free_blocks == carved);
      PYMEMLAB_CHECK(carved <= G.pool_capacity(pool.size_class));
      if (pool.live == 0) {
        ++empty_pools[i];
      } else if (pool.free != nullptr) {
        ++partly_used[pool.size_class];
      } else {
        PYMEMLAB_CHECK(pool.live == G.pool_capacity(pool.size_class));
      }
    });
  });

  // Every used pool is in its class's list, once.
  for (std::size_t c = 0; c < used_.size(); ++c) {
    const Pool* previous = nullptr;
    for (const Pool* pool = used_[c]; pool != &none_; pool = pool->next) {
      PYMEMLAB_CHECK(pool->size_class == c && pool->live > 0 && pool->free != nullptr);
      PYMEMLAB_CHECK(pool->previous == previous);
      PYMEMLAB_CHECK(partly_used[c]-- > 0);
      previous = pool;
    }
    PYMEMLAB_CHECK(partly_used[c] == 0);
  }
  PYMEMLAB_CHECK(none_.free == nullptr);

  // Every arena: its pools add up; the usable list is sorted and its run ends are where last_with
  // says.
  std::size_t live_arenas = 0;
  std::size_t usable = 0;
  for (ArenaIndex i = 0; i < arenas_.slots(); ++i) {
    const Arena& arena = arenas_[i];
    if (arena.base == 0) continue;
    ++live_arenas;
    if (arena.available > 0) ++usable;
    std::size_t stacked = 0;
    for (const Pool* pool = arena.empty_pools; pool != nullptr; pool = pool->next) ++stacked;
    const std::uintptr_t first = (arena.base + G.pool_bytes - 1) & kPoolMask;
    const std::size_t uncarved = arena.total - (arena.cursor - first) / G.pool_bytes;
    PYMEMLAB_CHECK(stacked == empty_pools[i] && arena.available == stacked + uncarved);
    PYMEMLAB_CHECK(arena.total == G.pools_per_arena() - (arena.base % G.pool_bytes != 0 ? 1 : 0));
  }
  PYMEMLAB_CHECK(live_arenas == arenas_current_);
  ArenaIndex previous = kNoArena;
  for (ArenaIndex i = arenas_.first_usable(); i != kNoArena; i = arenas_[i].next) {
    const Arena& arena = arenas_[i];
    PYMEMLAB_CHECK(usable-- > 0 && arena.previous == previous);
    PYMEMLAB_CHECK(previous == kNoArena || arenas_[previous].available <= arena.available);
    const bool ends_run =
        arena.next == kNoArena || arenas_[arena.next].available != arena.available;
    PYMEMLAB_CHECK(ends_run == (arenas_.last_with(arena.available) == i));
    previous = i;
  }
  PYMEMLAB_CHECK(usable == 0);

  const HeapStatistics s = statistics();
  PYMEMLAB_CHECK(s.total_bytes() == s.arenas_current * G.arena_bytes);
}

}  // namespace pymemlab
