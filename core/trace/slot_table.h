// Which slots are live, which is taken next, and which block an age names. Writer and reader keep
// the same table, so that neither slots of allocations nor recent blocks need to be spelled out.
//
//    order_   [ 0 .. live )        not used
//             [ live .. used )     free slots, the newest freed first
//             [ used .. )          order_[i] == i: slots never taken, in their order
//
// An allocation takes order_[live++]; a free of a live slot stores order_[--live]. So
// live == |live slots| and used == the largest `live` there ever was. A free of a dead slot changes
// nothing, and so does a realloc of one: the slot stays dead.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/trace/event.h"

namespace pymemlab {

// Allocations whose slots are remembered, so that an age can name their blocks.
inline constexpr std::uint32_t kAgeRing = 1u << 16;

class SlotTable {
 public:
  SlotTable() : ring_(kAgeRing) { make_room(1); }

  // REQUIRES: room for one more (make_room).
  Slot allocate() noexcept {
    const Slot slot = order_[live_++];
    used_ = std::max(used_, live_);
    alive_[slot] = 1;
    ring_[allocations_++ % kAgeRing] = slot;
    return slot;
  }
  // Returns whether the slot was live. REQUIRES: slot < used().
  bool release(Slot slot) noexcept {
    if (alive_[slot] == 0) return false;
    alive_[slot] = 0;
    order_[--live_] = slot;
    return true;
  }

  // After this, `allocations` more may follow.
  void make_room(std::uint32_t allocations) {
    const std::size_t wanted = std::size_t{live_} + allocations + 1;
    if (order_.size() >= wanted) return;
    const std::size_t before = order_.size();
    const std::size_t after = std::max(wanted, before + before / 2);
    order_.resize(after);
    alive_.resize(after);
    for (std::size_t i = before; i < after; ++i) order_[i] = static_cast<Slot>(i);
  }

  [[nodiscard]] bool alive(Slot slot) const noexcept { return alive_[slot] != 0; }
  [[nodiscard]] std::uint32_t live() const noexcept { return live_; }
  [[nodiscard]] Slot used() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t allocations() const noexcept { return allocations_; }
  // The slot of the `age`th newest allocation. REQUIRES: 1 <= age < kAgeRing, age <= allocations().
  [[nodiscard]] Slot aged(std::uint32_t age) const noexcept {
    return ring_[(allocations_ - age) % kAgeRing];
  }
  // The free slots, the newest freed first.
  [[nodiscard]] const Slot* free_begin() const noexcept { return order_.data() + live_; }
  [[nodiscard]] const Slot* free_end() const noexcept { return order_.data() + used_; }

  // The slots of the newest min(allocations(), kAgeRing) allocations, oldest first.
  [[nodiscard]] std::vector<Slot> ring() const {
    std::vector<Slot> slots(
        static_cast<std::size_t>(std::min<std::uint64_t>(allocations_, kAgeRing)));
    for (std::size_t i = 0; i < slots.size(); ++i)
      slots[i] = ring_[(allocations_ - slots.size() + i) % kAgeRing];
    return slots;
  }

  // A table as a key chunk describes it. REQUIRES: `free_slots` are distinct and below `used`;
  // `ring` has the slots of the newest min(allocations, kAgeRing) allocations, oldest first.
  void restore(std::uint64_t allocations, Slot used, const std::vector<Slot>& free_slots,
               const std::vector<Slot>& ring);

 private:
  friend class EventDecoder;  // its loop keeps these in registers

  std::vector<Slot> order_;
  std::vector<std::uint8_t> alive_;
  std::vector<Slot> ring_;
  std::uint32_t live_ = 0;
  Slot used_ = 0;
  std::uint64_t allocations_ = 0;
};

inline void SlotTable::restore(std::uint64_t allocations, Slot used,
                               const std::vector<Slot>& free_slots, const std::vector<Slot>& ring) {
  *this = SlotTable();
  make_room(used);
  std::fill_n(alive_.begin(), used, std::uint8_t{1});
  used_ = used;
  live_ = used - static_cast<Slot>(free_slots.size());
  std::copy(free_slots.begin(), free_slots.end(), order_.begin() + std::ptrdiff_t(live_));
  for (const Slot slot : free_slots) alive_[slot] = 0;
  allocations_ = allocations;
  for (std::size_t i = 0; i < ring.size(); ++i)
    ring_[(allocations - ring.size() + i) % kAgeRing] = ring[i];
}

}  // namespace pymemlab
