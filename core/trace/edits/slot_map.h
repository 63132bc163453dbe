// Which slots the blocks of a trace have where only some of its events are carried over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/trace/event.h"

namespace pymemlab {

class SlotMap {
 public:
  // The block that has just taken `source` took `target` there.
  void put(Slot source, Slot target) {
    at(targets_, source) = target;
    at(owners_, target) = source;
  }
  // The block that has just taken `source` is not carried over.
  void leave_out(Slot source) { at(targets_, source) = kNoSlot; }
  // kNoSlot: the block is not there. A dead block is not there either once another has its slot.
  [[nodiscard]] Slot find(Slot source) const noexcept {
    if (source >= targets_.size()) return kNoSlot;
    const Slot target = targets_[source];
    return target != kNoSlot && owners_[target] == source ? target : kNoSlot;
  }

 private:
  static Slot& at(std::vector<Slot>& slots, Slot slot) {
    if (slot >= slots.size())
      slots.resize(std::max<std::size_t>(slot + std::size_t{1}, 2 * slots.size()), kNoSlot);
    return slots[slot];
  }

  std::vector<Slot> targets_;  // by the source's slots
  std::vector<Slot> owners_;   // by the target's: which of the source's took it last
};

}  // namespace pymemlab
