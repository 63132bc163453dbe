// What a reader knows of the slots that events name by their numbers: whether a slot's block is
// live and too old for any other name, and whether a slot is dead.
#pragma once

#include <cstdint>
#include <vector>

#include "core/trace/allocation_ring.h"
#include "core/trace/event.h"

namespace pymemlab {

class SlotLookup {
 public:
  // Notes the blocks that are still live as no age reaches them any more. To be called before the
  // ring overwrites them: every kMaxAge - 1 allocations at least.
  void keep_old(const AllocationRing& ring, std::uint64_t allocations);
  void add_old(Slot slot);

  // Of the blocks that keep_old was shown.
  [[nodiscard]] bool is_old_block(Slot slot) const noexcept {
    return slot < old_.size() && old_[slot] != 0;
  }
  // REQUIRES: is_old_block(slot).
  void release(Slot slot) noexcept { old_[slot] = 0; }

  // Whether it was ever used, and is not live. REQUIRES: keep_old(ring, allocations); `used` slots
  // were used before allocations that an age still reaches.
  [[nodiscard]] bool is_dead(Slot slot, Slot used, const AllocationRing& ring,
                             std::uint64_t allocations);

  // As if `allocations` had been shown to keep_old.
  void restore(std::uint64_t allocations) noexcept;

 private:
  std::vector<std::uint8_t> old_;  // by slot: 1 if so
  std::uint64_t kept_ = 0;         // numbers below this were shown to keep_old
  // By slot: one more than the number of its newest allocation, of the numbers below noted_ that a
  // name may reach; filled when it is first asked whether a slot is dead.
  std::vector<std::uint64_t> newest_;
  std::uint64_t noted_ = 0;
};

}  // namespace pymemlab
