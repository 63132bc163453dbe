#include "core/trace/slot_lookup.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace pymemlab {
namespace {

constexpr std::ptrdiff_t kRun = 8;

}  // namespace

// Most runs of a few places hold no live block.
void SlotLookup::keep_old(const AllocationRing& ring, std::uint64_t allocations) {
  const auto keep = [this](const Slot* from, const Slot* end) {
    for (; from != end; ++from)
      if ((*from & AllocationRing::kFreed) == 0) add_old(*from);
  };
  const std::uint64_t oldest = oldest_in_reach(allocations);
  ring.visit(kept_, oldest, [keep](const Slot* from, const Slot* end) {
    for (; end - from >= kRun; from += kRun) {
      const Slot all = std::accumulate(from, from + kRun, AllocationRing::kFreed, std::bit_and<>());
      if (all == 0) keep(from, from + kRun);
    }
    keep(from, end);
  });
  kept_ = std::max(kept_, oldest);
}

void SlotLookup::add_old(Slot slot) {
  const std::size_t word = slot / 64;
  if (word >= old_.size()) old_.resize(2 * word + 1);
  old_[word] |= std::uint64_t{1} << slot % 64;
}

bool SlotLookup::is_dead(Slot slot, Slot used, const AllocationRing& ring,
                         std::uint64_t allocations) {
  const std::uint64_t oldest = oldest_in_reach(allocations);
  for (noted_ = std::max(noted_, oldest); noted_ < allocations; ++noted_) {
    if (ring[noted_] == kNoSlot) continue;  // before a key chunk, and not live in it
    const Slot taken = ring[noted_] & ~AllocationRing::kFreed;
    if (taken >= newest_.size()) newest_.resize(std::size_t{taken} + 1);
    newest_[taken] = noted_ + 1;
  }
  if (slot < newest_.size() && newest_[slot] > oldest)
    return (ring[newest_[slot] - 1] & AllocationRing::kFreed) != 0;
  return slot < used && !is_old_block(slot);
}

void SlotLookup::restore(std::uint64_t allocations) noexcept {
  kept_ = oldest_in_reach(allocations);
}

}  // namespace pymemlab
