// The order in which slots are taken, of which writer and reader keep the same, so that the slots
// of allocations need not be spelled out.
//
//    [ 0 .. live )        not used
//    [ live .. used )     free slots, the newest freed first
//    [ used .. )          order[i] == i: slots never taken, in their order
//
// An allocation takes order[live++]; a free of a live slot stores order[--live]. So live == |live
// slots| and used == the largest `live` there ever was.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/os/huge_page_allocator.h"
#include "core/trace/event.h"

namespace pymemlab {

class SlotOrder {
 public:
  // Places in front of position 0, which the reader's loop may overwrite: as many as it decodes
  // events before it looks whether all of them could be.
  static constexpr std::size_t kGuard = 1024;

  SlotOrder() { make_room(1); }

  // After this, positions below `wanted` are there.
  void make_room(std::size_t wanted) {
    const std::size_t before = places_.size() - std::min(places_.size(), kGuard);
    if (before >= wanted) return;
    if (kGuard + wanted > places_.capacity())
      places_.reserve(
          HugePageAllocator<Slot>::room_for(std::max(kGuard + wanted, 2 * places_.capacity())));
    places_.resize(kGuard + wanted);
    for (std::size_t i = before; i < wanted; ++i) places_[kGuard + i] = static_cast<Slot>(i);
  }

  // Of position 0. Valid until more room is made.
  [[nodiscard]] Slot* data() noexcept { return places_.data() + kGuard; }
  [[nodiscard]] const Slot* data() const noexcept { return places_.data() + kGuard; }

 private:
  LargeVector<Slot> places_;
};

}  // namespace pymemlab
