// Which slots are live and which is taken next. Writer and reader keep the same table, so that the
// slots of allocations need not be spelled out.
//
//    order_   [ 0 .. live )        not used
//             [ live .. used )     free slots, the newest freed first
//             [ used .. )          order_[i] == i: slots never taken, in their order
//
// (Positions of order_ are shifted by kGuard in memory.) An allocation takes
// order_[live++]; a free of a live slot stores order_[--live]. So live == |live slots| and used ==
// the largest `live` there ever was. A free of a dead slot changes nothing, and so does a realloc
// of one: the slot stays dead.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/trace/event.h"

namespace pymemlab {

class SlotTable {
 public:
  // Entries in front of order_, which the decoder's loop may overwrite: as many as it decodes
  // events before it looks whether all of them could be.
  static constexpr std::size_t kGuard = 1024;

  SlotTable() { make_room(1); }

  // REQUIRES: room for one more (make_room).
  Slot allocate() noexcept {
    const Slot slot = order_[kGuard + live_++];
    used_ = std::max(used_, live_);
    alive_[kFront + slot] = 1;
    ++allocations_;
    return slot;
  }
  // Returns whether the slot was live. REQUIRES: slot < used().
  bool release(Slot slot) noexcept {
    if (!alive(slot)) return false;
    alive_[kFront + slot] = 0;
    order_[kGuard + --live_] = slot;
    return true;
  }

  // After this, `allocations` more may follow.
  void make_room(std::uint32_t allocations) {
    const std::size_t wanted = std::size_t{live_} + allocations + 1;
    const std::size_t before = alive_.size() - kFront;
    if (before >= wanted) return;
    const std::size_t after = std::max(wanted, before + before / 2);
    order_.resize(kGuard + after);
    alive_.resize(kFront + after);
    for (std::size_t i = before; i < after; ++i) order_[kGuard + i] = static_cast<Slot>(i);
  }

  [[nodiscard]] bool alive(Slot slot) const noexcept { return alive_[kFront + slot] != 0; }
  [[nodiscard]] std::uint32_t live() const noexcept { return live_; }
  [[nodiscard]] Slot used() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t allocations() const noexcept { return allocations_; }
  // The free slots, the newest freed first.
  [[nodiscard]] const Slot* free_begin() const noexcept { return order_.data() + kGuard + live_; }
  [[nodiscard]] const Slot* free_end() const noexcept { return order_.data() + kGuard + used_; }

  // A table as a key chunk describes it. REQUIRES: `free_slots` are distinct and below `used`.
  void restore(std::uint64_t allocations, Slot used, const std::vector<Slot>& free_slots);

 private:
  friend class EventDecoder;  // its loop keeps these in registers

  // In front of alive_, what the decoder's loop finds for kNoSlot.
  static constexpr std::size_t kFront = 1;
  static constexpr std::uint8_t kNeitherLiveNorDead = 0x80;

  std::vector<Slot> order_;
  std::vector<std::uint8_t> alive_ = {kNeitherLiveNorDead};
  std::uint32_t live_ = 0;
  Slot used_ = 0;
  std::uint64_t allocations_ = 0;
};

inline void SlotTable::restore(std::uint64_t allocations, Slot used,
                               const std::vector<Slot>& free_slots) {
  *this = SlotTable();
  allocations_ = allocations;
  make_room(used);
  std::fill_n(alive_.begin() + kFront, used, std::uint8_t{1});
  used_ = used;
  live_ = used - static_cast<Slot>(free_slots.size());
  std::copy(free_slots.begin(), free_slots.end(), order_.begin() + std::ptrdiff_t(kGuard + live_));
  for (const Slot slot : free_slots) alive_[kFront + slot] = 0;
}

}  // namespace pymemlab
