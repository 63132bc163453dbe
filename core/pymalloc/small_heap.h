// A pymalloc of some geometry, with the geometry erased: what everything above core/pymalloc holds.
// The hot path does not go through this interface: record() hands out plain functions that are
// compiled for the one geometry, as CPython's are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/pymalloc/allocator_record.h"
#include "core/pymalloc/geometry.h"
#include "core/pymalloc/heap_costs.h"

namespace pymemlab {

// One size class in the statistics. CPython: a row of _PyObject_DebugMallocStats.
struct SizeClassStatistics {
  std::size_t block_bytes = 0;
  std::size_t pools = 0;  // used or full
  std::size_t live_blocks = 0;
  std::size_t available_blocks = 0;  // free or never carved
};

// CPython's own figures, as numbers. Bytes are of blocks as handed out (rounded), not as requested.
// allocated + available + unused_pools + headers + quantization + alignment == arenas_current *
// arena_bytes.
struct HeapStatistics {
  std::size_t size_classes = 0;
  std::array<SizeClassStatistics, 64> classes{};  // the first size_classes count, empty ones too
  std::size_t arenas_total = 0;                   // successful arena requests so far
  std::size_t arenas_highwater = 0;
  std::size_t arenas_current = 0;
  std::size_t allocated_bytes = 0;
  std::size_t available_bytes = 0;
  std::size_t unused_pools = 0;  // empty or never carved
  std::size_t unused_pool_bytes = 0;
  std::size_t header_bytes = 0;
  std::size_t quantization_bytes = 0;
  std::size_t alignment_bytes = 0;
  std::size_t mid_nodes = 0;  // of the radix tree, CPython 3.10+
  std::size_t leaf_nodes = 0;

  [[nodiscard]] std::size_t total_bytes() const noexcept {
    return allocated_bytes + available_bytes + unused_pool_bytes + header_bytes +
           quantization_bytes + alignment_bytes;
  }
};

// Where a block lies: the arena's ordinal (0, 1, 2, ... in order of successful request) and the
// block's distance from the arena's base.
struct Placement {
  std::size_t arena;
  std::size_t offset_bytes;
  friend bool operator==(const Placement&, const Placement&) = default;
};

// How full one live arena is.
struct ArenaOccupancy {
  std::size_t arena;  // ordinal
  std::size_t live_blocks;
  std::size_t allocated_bytes;  // rounded
};

// What is in one pool of a live arena.
struct PoolOccupancy {
  std::size_t arena;        // ordinal
  std::size_t arena_slot;   // in the table of arenas
  std::size_t index;        // in the arena; an arena that is not pool-aligned has no pool 0
  std::size_t size_class;   // that it serves, or served last; says nothing if live_blocks is 0
  std::size_t block_bytes;  // likewise
  std::size_t live_blocks;
  std::size_t capacity;  // blocks
};

struct SmallHeapOptions {
  bool count_costs = false;  // see HeapCosts
  // CPython 3.6: realloc(foreign block, 0) asks raw for one byte and returns the old block if that
  // fails. Later versions pass the zero on.
  bool realloc_zero_asks_one = false;
  // Called before each arena is requested, when the state is consistent (PYTHONMALLOCSTATS).
  void (*before_new_arena)(void* context) = nullptr;
  void* before_new_arena_context = nullptr;
  // The base that an arena at `base` had in the recorded process, where one is re-enacted: it
  // decides which radix nodes exist. nullptr: the base itself.
  std::uint64_t (*nominal_base)(void* context, std::uint64_t base) = nullptr;
  void* nominal_base_context = nullptr;
};

class SmallHeap {
 public:
  virtual ~SmallHeap() = default;

  // CPython's _PyObject_Malloc, _PyObject_Calloc, _PyObject_Realloc, _PyObject_Free of this heap.
  // Threads: one at a time (CPython: the GIL).
  [[nodiscard]] virtual AllocatorRecord record() noexcept = 0;

  [[nodiscard]] virtual const Geometry& geometry() const noexcept = 0;
  // Walks every carved pool; costs O(pools) and allocates nothing.
  [[nodiscard]] virtual HeapStatistics statistics() const = 0;
  // Arenas live now, and bytes they map. O(1).
  [[nodiscard]] virtual std::size_t arenas() const noexcept = 0;
  // sys.getallocatedblocks(): live pool blocks plus blocks handed on to raw and not freed.
  [[nodiscard]] virtual std::int64_t allocated_blocks() const noexcept = 0;
  // Whether `pointer` (any pointer) lies in an arena of this heap. Never reads what it points to.
  [[nodiscard]] virtual bool owns(const void* pointer) const noexcept = 0;
  [[nodiscard]] virtual std::optional<Placement> placement(const void* pointer) const noexcept = 0;
  // The size class's block size. REQUIRES: owns(block) and block is live.
  [[nodiscard]] virtual std::size_t block_bytes(const void* block) const noexcept = 0;
  // Calls visit(context, arena) for every live arena, in slot order. Allocates nothing.
  virtual void visit_arenas(void (*visit)(void* context, const ArenaOccupancy& arena),
                            void* context) const = 0;
  // Calls visit(context, pool) for every pool that was ever carved in a live arena, by slot, then
  // by place. Allocates nothing.
  virtual void visit_pools(void (*visit)(void* context, const PoolOccupancy& pool),
                           void* context) const = 0;
  // Calls visit(context, block) for every raw block the heap holds for itself: the arena slots and
  // the radix nodes.
  virtual void visit_raw_blocks(void (*visit)(void* context, const void* block),
                                void* context) const = 0;
  // Nothing from a heap that does not count them.
  [[nodiscard]] virtual std::optional<HeapCosts> costs() const noexcept = 0;
  // Asserts every invariant of docs/pymalloc.md ("What must always hold"). Slow.
  virtual void check_invariants() const = 0;
};

// A heap with nothing in it. `raw` and `arenas` are the *current* public records: the heap calls
// through the pointers, so hooks installed later apply, as in CPython.
// REQUIRES: both outlive the heap. Throws InputError for a geometry that is not compiled in.
// The heap's destructor gives its arenas and raw blocks back through the same records.
[[nodiscard]] std::unique_ptr<SmallHeap> make_small_heap(const Geometry& geometry,
                                                         const AllocatorRecord* raw,
                                                         const ArenaRecord* arenas,
                                                         SmallHeapOptions options = {});

// CPython's text of the statistics (sys._debugmallocstats without the free lists), for the
// geometry. `serial`: up to CPython 3.7 under debug hooks, the line "# times object malloc called".
[[nodiscard]] std::string statistics_text(const HeapStatistics& statistics,
                                          const Geometry& geometry,
                                          std::optional<std::uint64_t> serial = std::nullopt);

}  // namespace pymemlab
