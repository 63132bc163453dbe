// Two compiled PyMallocs a geometry, of which one counts its costs, behind SmallHeap. Adding a
// geometry is adding a row to kGeometries.
#include "core/pymalloc/small_heap.h"

#include <array>

#include "core/base/input_error.h"
#include "core/pymalloc/invariants.h"
#include "core/pymalloc/pymalloc.h"
#include "core/pymalloc/pymalloc_slow.h"

namespace pymemlab {
namespace {

template <Geometry G, bool kCounts>
class CompiledHeap final : public SmallHeap {
 public:
  CompiledHeap(const AllocatorRecord* raw, const ArenaRecord* arenas,
               const SmallHeapOptions& options)
      : heap_(raw, arenas, options) {}

  AllocatorRecord record() noexcept override {
    return {.context = &heap_,
            .malloc = [](void* heap, std::size_t size) { return self(heap).malloc(size); },
            .calloc = [](void* heap, std::size_t count,
                         std::size_t size) { return self(heap).calloc(count, size); },
            .realloc = [](void* heap, void* block,
                          std::size_t size) { return self(heap).realloc(block, size); },
            .free = [](void* heap, void* block) { self(heap).free(block); }};
  }
  const Geometry& geometry() const noexcept override { return kGeometry; }
  HeapStatistics statistics() const override { return heap_.statistics(); }
  std::size_t arenas() const noexcept override { return heap_.arenas(); }
  std::int64_t allocated_blocks() const noexcept override { return heap_.allocated_blocks(); }
  bool owns(const void* pointer) const noexcept override { return heap_.owns(pointer); }
  std::optional<Placement> placement(const void* pointer) const noexcept override {
    return heap_.placement(pointer);
  }
  std::size_t block_bytes(const void* block) const noexcept override {
    return heap_.block_bytes(block);
  }
  void visit_arenas(void (*visit)(void*, const ArenaOccupancy&), void* context) const override {
    heap_.visit_arenas(visit, context);
  }
  void visit_pools(void (*visit)(void*, const PoolOccupancy&), void* context) const override {
    heap_.visit_pools(visit, context);
  }
  void visit_raw_blocks(void (*visit)(void*, const void*), void* context) const override {
    heap_.visit_raw_blocks(visit, context);
  }
  std::optional<HeapCosts> costs() const noexcept override {
    if constexpr (kCounts) return heap_.costs();
    return std::nullopt;
  }
  void check_invariants() const override { heap_.check_invariants(); }

 private:
  static constexpr Geometry kGeometry = G;
  static PyMalloc<G, kCounts>& self(void* heap) noexcept {
    return *static_cast<PyMalloc<G, kCounts>*>(heap);
  }
  PyMalloc<G, kCounts> heap_;
};

using Make = std::unique_ptr<SmallHeap> (*)(const AllocatorRecord*, const ArenaRecord*,
                                            const SmallHeapOptions&);

struct CompiledGeometry {
  Geometry geometry;
  Make make;
};

template <Geometry G>
constexpr CompiledGeometry compiled() {
  return {G,
          [](const AllocatorRecord* raw, const ArenaRecord* arenas,
             const SmallHeapOptions& options) -> std::unique_ptr<SmallHeap> {
            if (options.count_costs)
              return std::make_unique<CompiledHeap<G, true>>(raw, arenas, options);
            return std::make_unique<CompiledHeap<G, false>>(raw, arenas, options);
          }};
}

constexpr std::array kGeometries = {compiled<kGeometry36>(),  compiled<kGeometry37>(),
                                    compiled<kGeometry39>(),  compiled<kGeometry310>(),
                                    compiled<kGeometry311>(), compiled<kGeometry315HugePages>()};

}  // namespace

std::unique_ptr<SmallHeap> make_small_heap(const Geometry& geometry, const AllocatorRecord* raw,
                                           const ArenaRecord* arenas, SmallHeapOptions options) {
  for (const CompiledGeometry& row : kGeometries) {
    if (row.geometry == geometry) return row.make(raw, arenas, options);
  }
  throw InputError(
      "no CPython that we know has {}-byte alignment, {}-byte pools and {}-byte arenas",
      geometry.alignment, geometry.pool_bytes, geometry.arena_bytes);
}

}  // namespace pymemlab
