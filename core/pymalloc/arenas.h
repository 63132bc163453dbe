// The arenas of one heap: which exist, which have pools to give, and in which order they give them.
//
// Slots live in one vector that the raw allocator provides and that only grows when no arena has a
// pool to give, so indices, not pointers, name them. A slot is unused (base == 0, on the unused
// stack), usable (1 <= available <= total, in the usable list) or exhausted (available == 0, on no
// list). The usable list is ordered by ascending `available`: the fullest arena gives first, so the
// emptiest ones can become wholly empty and be returned.
//
//    available == |empty stack| + pools above the carve cursor
//    last_with_[k] is the last usable arena that has k available pools
//
// CPython: struct arena_object, usable_arenas, unused_arena_objects, nfp2lasta.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/pymalloc/allocator_record.h"
#include "core/pymalloc/geometry.h"
#include "core/pymalloc/pool.h"

namespace pymemlab {

using ArenaIndex = std::uint32_t;
inline constexpr ArenaIndex kNoArena = 0xFFFFFFFFu;

struct Arena {
  std::uintptr_t base;    // 0: the slot is unused
  std::uintptr_t cursor;  // the next pool to carve
  Pool* empty_pools;      // a stack through Pool::next
  std::uint32_t available;
  std::uint32_t total;  // pools in the arena
  ArenaIndex next;      // in the usable list, or in the unused stack
  ArenaIndex previous;
  std::uint64_t ordinal;  // 0, 1, 2, ... in order of successful request
};
static_assert(sizeof(Arena) == 48);  // as CPython's; the raw request for the vector is a multiple

// kCounts: list moves are counted.
template <Geometry G, bool kCounts>
class Arenas {
 public:
  static constexpr std::uint32_t kInitialSlots = 16;

  [[nodiscard]] Arena& operator[](ArenaIndex i) noexcept { return slots_[i]; }
  [[nodiscard]] const Arena& operator[](ArenaIndex i) const noexcept { return slots_[i]; }
  [[nodiscard]] std::uint32_t slots() const noexcept { return slot_count_; }
  [[nodiscard]] ArenaIndex first_usable() const noexcept { return usable_; }
  [[nodiscard]] ArenaIndex last_with(std::size_t available) const noexcept {
    return last_with_[available];
  }
  [[nodiscard]] const Arena* storage() const noexcept { return slots_; }

  // The slot for a new arena, growing the vector through `raw` if all are in use; kNoArena if raw
  // refuses. The slot stays on the unused stack until start().
  // REQUIRES: the usable list is empty.
  [[nodiscard]] ArenaIndex next_unused(const AllocatorRecord& raw) noexcept;

  // `next_unused()`'s slot becomes the only usable arena.
  void start(ArenaIndex i, std::uintptr_t base, std::uint64_t ordinal) noexcept;

  // Takes a pool from the front usable arena: a formerly empty one before a virgin one. The
  // newly carved have size_class == Pool::kNoClass. REQUIRES: first_usable() != kNoArena.
  [[nodiscard]] Pool* take_pool() noexcept;

  // Puts an empty pool back on its arena's stack. True if the arena is now wholly empty and goes:
  // it has then been taken off the usable list, and the caller gives it back and calls retire().
  [[nodiscard]] bool give_pool(Pool* pool) noexcept;

  // The slot becomes unused.
  void retire(ArenaIndex i) noexcept;

  // How often an arena joined, left or changed its place in the usable list. REQUIRES: kCounts.
  [[nodiscard]] std::uint64_t list_moves() const noexcept { return list_moves_; }

 private:
  void unlink(ArenaIndex i) noexcept;
  void count_move() noexcept {
    if constexpr (kCounts) ++list_moves_;
  }
  // `i` leaves the run of arenas that have `available` pools, of which it is the last.
  void shorten_run(ArenaIndex i, std::uint32_t available) noexcept;
  [[nodiscard]] bool keeps(const Arena& arena) const noexcept {
    return G.empty_arena == EmptyArena::keep_last && arena.next == kNoArena;
  }

  Arena* slots_ = nullptr;
  std::uint32_t slot_count_ = 0;
  ArenaIndex unused_ = kNoArena;
  ArenaIndex usable_ = kNoArena;
  std::array<ArenaIndex, G.pools_per_arena() + 1> last_with_ = [] {
    std::array<ArenaIndex, G.pools_per_arena() + 1> none{};
    none.fill(kNoArena);
    return none;
  }();
  struct Nothing {};
  [[no_unique_address]] std::conditional_t<kCounts, std::uint64_t, Nothing> list_moves_{};
};

template <Geometry G, bool kCounts>
ArenaIndex Arenas<G, kCounts>::next_unused(const AllocatorRecord& raw) noexcept {
  if (unused_ != kNoArena) return unused_;
  const std::uint32_t wanted = slot_count_ == 0 ? kInitialSlots : slot_count_ * 2;
  if (wanted <= slot_count_) return kNoArena;
  void* grown = raw.realloc(raw.context, slots_, wanted * sizeof(Arena));
  if (grown == nullptr) return kNoArena;
  slots_ = static_cast<Arena*>(grown);
  for (std::uint32_t i = slot_count_; i < wanted; ++i) {
    slots_[i] = Arena{.base = 0,
                      .cursor = 0,
                      .empty_pools = nullptr,
                      .available = 0,
                      .total = 0,
                      .next = i + 1 < wanted ? i + 1 : kNoArena,
                      .previous = kNoArena,
                      .ordinal = 0};
  }
  unused_ = slot_count_;
  slot_count_ = wanted;
  return unused_;
}

template <Geometry G, bool kCounts>
void Arenas<G, kCounts>::start(ArenaIndex i, std::uintptr_t base, std::uint64_t ordinal) noexcept {
  Arena& arena = slots_[i];
  unused_ = arena.next;
  const std::uintptr_t first_pool = (base + G.pool_bytes - 1) & ~(G.pool_bytes - 1);
  const auto pools = static_cast<std::uint32_t>(G.pools_per_arena() - (first_pool != base ? 1 : 0));
  arena = Arena{.base = base,
                .cursor = first_pool,
                .empty_pools = nullptr,
                .available = pools,
                .total = pools,
                .next = kNoArena,
                .previous = kNoArena,
                .ordinal = ordinal};
  usable_ = i;
  last_with_[pools] = i;
  count_move();
}

template <Geometry G, bool kCounts>
Pool* Arenas<G, kCounts>::take_pool() noexcept {
  const ArenaIndex i = usable_;
  Arena& arena = slots_[i];
  Pool* pool = arena.empty_pools;
  if (pool != nullptr) {
    arena.empty_pools = pool->next;
  } else {
    pool = reinterpret_cast<Pool*>(arena.cursor);
    arena.cursor += G.pool_bytes;
    pool->arena = i;
    pool->size_class = Pool::kNoClass;
  }
  if (last_with_[arena.available] == i) last_with_[arena.available] = kNoArena;
  if (--arena.available == 0) {
    count_move();
    usable_ = arena.next;
    if (usable_ != kNoArena) slots_[usable_].previous = kNoArena;
  } else {
    last_with_[arena.available] = i;  // every other usable arena has more
  }
  return pool;
}

template <Geometry G, bool kCounts>
bool Arenas<G, kCounts>::give_pool(Pool* pool) noexcept {
  const ArenaIndex i = pool->arena;
  Arena& arena = slots_[i];
  pool->next = arena.empty_pools;
  arena.empty_pools = pool;
  const std::uint32_t before = arena.available++;

  if (before == 0) {  // it was exhausted: back to the front of the list
    arena.next = usable_;
    arena.previous = kNoArena;
    if (usable_ != kNoArena) slots_[usable_].previous = i;
    usable_ = i;
    count_move();
    if (last_with_[1] == kNoArena) last_with_[1] = i;
    return false;
  }
  const bool was_last = last_with_[before] == i;
  if (was_last) shorten_run(i, before);
  if (arena.available == arena.total && !keeps(arena)) {
    unlink(i);
    count_move();
    return true;
  }
  if (!was_last) {  // it now belongs after the last of those with the old count
    const ArenaIndex after = last_with_[before];
    unlink(i);
    count_move();
    arena.previous = after;
    arena.next = slots_[after].next;
    slots_[after].next = i;
    if (arena.next != kNoArena) slots_[arena.next].previous = i;
  }
  if (last_with_[arena.available] == kNoArena) last_with_[arena.available] = i;
  return false;
}

template <Geometry G, bool kCounts>
void Arenas<G, kCounts>::retire(ArenaIndex i) noexcept {
  slots_[i].base = 0;
  slots_[i].next = unused_;
  unused_ = i;
}

template <Geometry G, bool kCounts>
void Arenas<G, kCounts>::unlink(ArenaIndex i) noexcept {
  const Arena& arena = slots_[i];
  if (arena.previous == kNoArena) {
    usable_ = arena.next;
  } else {
    slots_[arena.previous].next = arena.next;
  }
  if (arena.next != kNoArena) slots_[arena.next].previous = arena.previous;
}

template <Geometry G, bool kCounts>
void Arenas<G, kCounts>::shorten_run(ArenaIndex i, std::uint32_t available) noexcept {
  const ArenaIndex previous = slots_[i].previous;
  last_with_[available] =
      previous != kNoArena && slots_[previous].available == available ? previous : kNoArena;
}

}  // namespace pymemlab
