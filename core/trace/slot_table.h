// Which slots are live and which is taken next: what a writer keeps. A free of a dead slot changes
// nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/trace/event.h"
#include "core/trace/slot_order.h"

namespace pymemlab {

class SlotTable {
 public:
  SlotTable() { make_room(1); }

  // REQUIRES: room for one more (make_room).
  Slot allocate() noexcept {
    const Slot slot = order_.data()[live_++];
    used_ = std::max(used_, live_);
    alive_[slot] = 1;
    ++allocations_;
    return slot;
  }
  // Returns whether the slot was live. REQUIRES: slot < used().
  bool release(Slot slot) noexcept {
    if (!alive(slot)) return false;
    alive_[slot] = 0;
    order_.data()[--live_] = slot;
    return true;
  }

  // After this, `allocations` more may follow.
  void make_room(std::uint32_t allocations) {
    const std::size_t wanted = std::size_t{live_} + allocations;
    order_.make_room(wanted);
    if (alive_.size() < wanted) alive_.resize(std::max(wanted, alive_.size() + alive_.size() / 2));
  }

  [[nodiscard]] bool alive(Slot slot) const noexcept { return alive_[slot] != 0; }
  [[nodiscard]] std::uint32_t live() const noexcept { return live_; }
  [[nodiscard]] Slot used() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t allocations() const noexcept { return allocations_; }
  // The free slots, the newest freed first.
  [[nodiscard]] const Slot* free_begin() const noexcept { return order_.data() + live_; }
  [[nodiscard]] const Slot* free_end() const noexcept { return order_.data() + used_; }

 private:
  SlotOrder order_;
  std::vector<std::uint8_t> alive_;
  std::uint32_t live_ = 0;
  Slot used_ = 0;
  std::uint64_t allocations_ = 0;
};

}  // namespace pymemlab
