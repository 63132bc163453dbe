// The paths of PyMalloc that are taken less than once a pool, and the raw allocator's share.
// Included by small_heap.cc alone, which instantiates every geometry.
#pragma once

#include "core/base/check.h"
#include "core/pymalloc/pymalloc.h"

namespace pymemlab {

template <Geometry G, bool kCounts>
PyMalloc<G, kCounts>::~PyMalloc() {
  for (ArenaIndex i = 0; i < arenas_.slots(); ++i) {
    const std::uintptr_t base = arenas_[i].base;
    if (base != 0)
      arena_source_->free(arena_source_->context, reinterpret_cast<void*>(base), G.arena_bytes);
  }
  nodes_.free_all(*raw_);
  if (arenas_.storage() != nullptr)
    raw_->free(raw_->context, const_cast<Arena*>(arenas_.storage()));
}

template <Geometry G, bool kCounts>
void* PyMalloc<G, kCounts>::extend(Pool* pool, void* block) noexcept {
  if (pool->next_virgin <= pool->last_virgin) [[likely]] {
    auto* carved = reinterpret_cast<FreeBlock*>(pool->at(pool->next_virgin));
    pool->next_virgin += pool->block_bytes;
    carved->next = nullptr;
    pool->free = carved;
    return block;
  }
  count(&HeapCosts::pools_filled);
  Pool* next = pool->next;  // the pool is full; it is the front one, since it has just served
  next->previous = nullptr;
  used_[pool->size_class] = next;
  return block;
}

template <Geometry G, bool kCounts>
void* PyMalloc<G, kCounts>::malloc_slow(std::size_t request) noexcept {
  void* block = from_new_pool(request);
  return block == nullptr ? raw_malloc(request) : block;
}

template <Geometry G, bool kCounts>
void* PyMalloc<G, kCounts>::from_new_pool(std::size_t request) noexcept {
  Pool* pool = take_pool();
  if (pool == nullptr) {
    count(&HeapCosts::raw_for_want);
    return nullptr;
  }
  const auto size_class = static_cast<std::uint32_t>((request - 1) >> kClassShift);
  pool->live = 1;
  pool->next = &none_;
  pool->previous = nullptr;
  used_[size_class] = pool;
  if (pool->size_class == size_class) {  // it served this class before: its blocks are as they were
    count(&HeapCosts::pool_reuses);
    FreeBlock* block = pool->free;
    pool->free = block->next;
    return block;
  }
  count(&HeapCosts::pool_inits);
  const auto block_bytes = static_cast<std::uint32_t>(G.block_bytes(size_class));
  constexpr auto kHeader = static_cast<std::uint32_t>(G.pool_header_bytes);
  pool->size_class = size_class;
  pool->block_bytes = block_bytes;
  pool->next_virgin = kHeader + 2 * block_bytes;
  pool->last_virgin = static_cast<std::uint32_t>(G.pool_bytes) - block_bytes;
  auto* second = reinterpret_cast<FreeBlock*>(pool->at(kHeader + block_bytes));
  second->next = nullptr;
  pool->free = second;
  return pool->at(kHeader);
}

template <Geometry G, bool kCounts>
Pool* PyMalloc<G, kCounts>::take_pool() noexcept {
  if (arenas_.first_usable() == kNoArena && !new_arena()) return nullptr;
  return arenas_.take_pool();
}

template <Geometry G, bool kCounts>
bool PyMalloc<G, kCounts>::new_arena() noexcept {
  if (options_.before_new_arena != nullptr)
    options_.before_new_arena(options_.before_new_arena_context);
  const ArenaIndex slot = arenas_.next_unused(*raw_);
  if (slot == kNoArena) return false;
  void* memory = arena_source_->alloc(arena_source_->context, G.arena_bytes);
  if (memory == nullptr) return false;
  const auto base = reinterpret_cast<std::uintptr_t>(memory);
  const std::uint64_t nominal = options_.nominal_base == nullptr
                                    ? base
                                    : options_.nominal_base(options_.nominal_base_context, base);
  if (!nodes_.mark(*raw_, nominal) || !map_.representable(base, G.arena_bytes)) {
    arena_source_->free(arena_source_->context, memory, G.arena_bytes);
    return false;
  }
  map_.add(base, G.arena_bytes);
  arenas_.start(slot, base, arenas_total_);
  count(&HeapCosts::arena_maps);
  ++arenas_total_;
  ++arenas_current_;
  if (arenas_current_ > arenas_highwater_) arenas_highwater_ = arenas_current_;
  return true;
}

template <Geometry G, bool kCounts>
void PyMalloc<G, kCounts>::was_full(Pool* pool) noexcept {
  count(&HeapCosts::pools_reopened);
  Pool*& front = used_[pool->size_class];
  pool->previous = nullptr;
  pool->next = front;
  front->previous = pool;
  front = pool;
}

template <Geometry G, bool kCounts>
void PyMalloc<G, kCounts>::unlink(Pool* pool) noexcept {
  pool->next->previous = pool->previous;
  if (pool->previous == nullptr) {
    used_[pool->size_class] = pool->next;
  } else {
    pool->previous->next = pool->next;
  }
}

template <Geometry G, bool kCounts>
void PyMalloc<G, kCounts>::empty(Pool* pool) noexcept {
  count(&HeapCosts::pools_emptied);
  unlink(pool);
  const ArenaIndex arena = pool->arena;
  if (arenas_.give_pool(pool)) release_arena(arena);
}

template <Geometry G, bool kCounts>
void PyMalloc<G, kCounts>::release_arena(ArenaIndex arena) noexcept {
  count(&HeapCosts::arena_unmaps);
  const std::uintptr_t base = arenas_[arena].base;
  map_.remove(base, G.arena_bytes);
  arenas_.retire(arena);
  --arenas_current_;
  arena_source_->free(arena_source_->context, reinterpret_cast<void*>(base), G.arena_bytes);
}

template <Geometry G, bool kCounts>
void* PyMalloc<G, kCounts>::realloc_move(void* block, std::size_t block_bytes,
                                         std::size_t request) noexcept {
  void* moved = malloc(request);
  if (moved == nullptr) return nullptr;
  const std::size_t copied = request < block_bytes ? request : block_bytes;
  count(&HeapCosts::reallocs_moved);
  count(&HeapCosts::copied_bytes, copied);
  std::memcpy(moved, block, copied);
  free(block);
  return moved;
}

template <Geometry G, bool kCounts>
void* PyMalloc<G, kCounts>::raw_malloc(std::size_t request) noexcept {
  count(&HeapCosts::raw_requests);
  void* block = raw_->malloc(raw_->context, request);
  if (block != nullptr) ++raw_blocks_;
  return block;
}

template <Geometry G, bool kCounts>
void* PyMalloc<G, kCounts>::raw_calloc(std::size_t count, std::size_t size) noexcept {
  this->count(&HeapCosts::raw_requests);
  void* block = raw_->calloc(raw_->context, count, size);
  if (block != nullptr) ++raw_blocks_;
  return block;
}

template <Geometry G, bool kCounts>
void PyMalloc<G, kCounts>::free_foreign(void* block) noexcept {
  if (block == nullptr) return;
  raw_->free(raw_->context, block);
  --raw_blocks_;
}

template <Geometry G, bool kCounts>
void* PyMalloc<G, kCounts>::realloc_foreign(void* block, std::size_t request) noexcept {
  if (block == nullptr) return malloc(request);
  count(&HeapCosts::raw_reallocs);
  if (request != 0 || !options_.realloc_zero_asks_one)
    return raw_->realloc(raw_->context, block, request);
  void* moved = raw_->realloc(raw_->context, block, 1);
  return moved == nullptr ? block : moved;
}

template <Geometry G, bool kCounts>
ArenaIndex PyMalloc<G, kCounts>::arena_of(const void* pointer) const noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  if (map_.in_whole_page(pointer)) return pool_of(const_cast<void*>(pointer))->arena;
  for (ArenaIndex i = 0; i < arenas_.slots(); ++i) {
    const std::uintptr_t base = arenas_[i].base;
    if (base != 0 && address - base < G.arena_bytes) return i;
  }
  return kNoArena;
}

template <Geometry G, bool kCounts>
std::optional<Placement> PyMalloc<G, kCounts>::placement(const void* pointer) const noexcept {
  if (!owns(pointer)) return std::nullopt;
  const Arena& arena = arenas_[arena_of(pointer)];
  return Placement{.arena = static_cast<std::size_t>(arena.ordinal),
                   .offset_bytes = reinterpret_cast<std::uintptr_t>(pointer) - arena.base};
}

template <Geometry G, bool kCounts>
template <typename Visit>
void PyMalloc<G, kCounts>::for_each_arena(Visit visit) const {
  for (ArenaIndex i = 0; i < arenas_.slots(); ++i) {
    if (arenas_[i].base != 0) visit(i, arenas_[i]);
  }
}

template <Geometry G, bool kCounts>
template <typename Visit>
void PyMalloc<G, kCounts>::for_each_pool(const Arena& arena, Visit visit) const {
  const std::uintptr_t first = (arena.base + G.pool_bytes - 1) & kPoolMask;
  for (std::uintptr_t pool = first; pool < arena.cursor; pool += G.pool_bytes) {
    visit(*reinterpret_cast<const Pool*>(pool));
  }
}

template <Geometry G, bool kCounts>
HeapStatistics PyMalloc<G, kCounts>::statistics() const {
  HeapStatistics s;
  s.size_classes = G.size_classes();
  for_each_arena([&](ArenaIndex, const Arena& arena) {
    s.unused_pools += arena.available;
    if (arena.base % G.pool_bytes != 0) s.alignment_bytes += G.pool_bytes;
    for_each_pool(arena, [&](const Pool& pool) {
      if (pool.live == 0) return;
      SizeClassStatistics& row = s.classes[pool.size_class];
      ++row.pools;
      row.live_blocks += pool.live;
      row.available_blocks += G.pool_capacity(pool.size_class) - pool.live;
    });
  });
  for (std::size_t c = 0; c < s.size_classes; ++c) {
    SizeClassStatistics& row = s.classes[c];
    row.block_bytes = G.block_bytes(c);
    s.allocated_bytes += row.live_blocks * row.block_bytes;
    s.available_bytes += row.available_blocks * row.block_bytes;
    s.header_bytes += row.pools * G.pool_header_bytes;
    s.quantization_bytes += row.pools * G.pool_tail_bytes(c);
  }
  s.unused_pool_bytes = s.unused_pools * G.pool_bytes;
  s.arenas_total = arenas_total_;
  s.arenas_highwater = arenas_highwater_;
  s.arenas_current = arenas_current_;
  s.mid_nodes = nodes_.mids();
  s.leaf_nodes = nodes_.leaves();
  return s;
}

template <Geometry G, bool kCounts>
void PyMalloc<G, kCounts>::visit_arenas(void (*visit)(void* context, const ArenaOccupancy& arena),
                                        void* context) const {
  for_each_arena([&](ArenaIndex, const Arena& arena) {
    ArenaOccupancy row{
        .arena = static_cast<std::size_t>(arena.ordinal), .live_blocks = 0, .allocated_bytes = 0};
    for_each_pool(arena, [&](const Pool& pool) {
      row.live_blocks += pool.live;
      row.allocated_bytes += std::size_t{pool.live} * pool.block_bytes;
    });
    visit(context, row);
  });
}

template <Geometry G, bool kCounts>
void PyMalloc<G, kCounts>::visit_pools(void (*visit)(void* context, const PoolOccupancy& pool),
                                       void* context) const {
  for_each_arena([&](ArenaIndex slot, const Arena& arena) {
    const std::uintptr_t origin = arena.base & kPoolMask;
    for_each_pool(arena, [&](const Pool& pool) {
      const bool has_class = pool.size_class != Pool::kNoClass;
      visit(context, {.arena = static_cast<std::size_t>(arena.ordinal),
                      .arena_slot = slot,
                      .index = (reinterpret_cast<std::uintptr_t>(&pool) - origin) / G.pool_bytes,
                      .size_class = pool.size_class,
                      .block_bytes = has_class ? G.block_bytes(pool.size_class) : 0,
                      .live_blocks = pool.live,
                      .capacity = has_class ? G.pool_capacity(pool.size_class) : 0});
    });
  });
}

template <Geometry G, bool kCounts>
std::int64_t PyMalloc<G, kCounts>::allocated_blocks() const noexcept {
  std::int64_t blocks = raw_blocks_;
  for_each_arena([&](ArenaIndex, const Arena& arena) {
    for_each_pool(arena, [&](const Pool& pool) { blocks += pool.live; });
  });
  return blocks;
}

}  // namespace pymemlab
