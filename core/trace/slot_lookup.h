// What a reader knows of the slots that events name by their numbers: whether a slot's block is
// live and too old for any other name, and whether a slot is dead.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/os/huge_page_allocator.h"
#include "core/trace/allocation_ring.h"
#include "core/trace/event.h"

namespace pymemlab {

class SlotLookup {
 public:
  // Notes the blocks that are still live as no age reaches them any more. To be called before the
  // ring overwrites them: every kMaxAge - 1 allocations at least.
  void keep_old(const AllocationRing& ring, std::uint64_t allocations);
  void add_old(Slot slot);
  // Allocations that no age reaches any more and that keep_old has not been shown.
  [[nodiscard]] std::uint64_t behind(std::uint64_t allocations) const noexcept {
    return oldest_in_reach(allocations) - kept_;
  }

  // Of the blocks that keep_old was shown.
  [[nodiscard]] bool is_old_block(Slot slot) const noexcept {
    return slot / 64 < old_.size() && (old_[slot / 64] >> slot % 64 & 1) != 0;
  }
  // Returns whether is_old_block(slot), which it is no more.
  bool release(Slot slot) noexcept {
    if (!is_old_block(slot)) return false;
    old_[slot / 64] ^= std::uint64_t{1} << slot % 64;
    return true;
  }

  // Whether it was ever used, and is not live. REQUIRES: keep_old(ring, allocations); `used` slots
  // were used before allocations that an age still reaches.
  [[nodiscard]] bool is_dead(Slot slot, Slot used, const AllocationRing& ring,
                             std::uint64_t allocations);

  // The oldest allocation that an age reaches, when there were `allocations`.
  static std::uint64_t oldest_in_reach(std::uint64_t allocations) noexcept {
    return allocations - std::min<std::uint64_t>(allocations, kMaxAge);
  }
  // As if `allocations` had been shown to keep_old.
  void restore(std::uint64_t allocations) noexcept;

 private:
  std::vector<std::uint64_t> old_;  // a bit for each slot: 1 if so
  std::uint64_t kept_ = 0;          // numbers below this were shown to keep_old
  // By slot: one more than the number of its newest allocation, of the numbers below noted_ that a
  // name may reach; filled when it is first asked whether a slot is dead.
  LargeVector<std::uint64_t> newest_;
  std::uint64_t noted_ = 0;
};

}  // namespace pymemlab
