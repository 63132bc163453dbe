#include "core/measure/footprint.h"

namespace pymemlab {

ArenaPins ArenaPins::of(const SmallHeap& heap) noexcept {
  struct Fold {
    ArenaPins pins;
    std::uint64_t arena_bytes;
  } fold{.pins = {}, .arena_bytes = heap.geometry().arena_bytes};
  heap.visit_arenas(
      [](void* context, const ArenaOccupancy& arena) {
        auto& [pins, arena_bytes] = *static_cast<Fold*>(context);
        ++pins.arenas;
        pins.live_blocks += arena.live_blocks;
        for (std::size_t i = 0; i < kPercent.size(); ++i) {
          if (arena.allocated_bytes * 100 >= arena_bytes * kPercent[i]) continue;
          ++pins.below[i].arenas;
          pins.below[i].blocks += arena.live_blocks;
        }
      },
      &fold);
  return fold.pins;
}

}  // namespace pymemlab
