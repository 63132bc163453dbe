// Which slots the newest allocations took: what an age or a difference names. A reader's; a writer
// knows each block's allocation.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/trace/event_coding.h"

namespace pymemlab {

// Allocation n's slot is at n & mask(). There are at least twice as many places as allocations, or
// as a name may reach back: a number before the first allocation leads to a place that holds
// kNoSlot.
class AllocationRing {
 public:
  AllocationRing() { make_room(0, 0); }

  // After this, `more` may follow the first `allocations`. It grows before anything has wrapped:
  // places stay.
  void make_room(std::uint64_t allocations, std::uint32_t more) {
    const std::uint64_t wanted = std::bit_ceil(2 * (allocations + more + 1));
    const auto places = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, 2 * kMaxAge));
    if (places_.size() >= places) return;
    if (places > kFewPlaces) places_.reserve(2 * kMaxAge);  // address space, to grow where it is
    places_.resize(places, kNoSlot);
  }

  [[nodiscard]] Slot& operator[](std::uint64_t number) noexcept { return places_[number & mask()]; }
  [[nodiscard]] Slot* data() noexcept { return places_.data(); }
  [[nodiscard]] std::uint32_t mask() const noexcept {
    return static_cast<std::uint32_t>(places_.size() - 1);
  }

 private:
  static constexpr std::size_t kFewPlaces = 1u << 16;
  std::vector<Slot> places_;
};

}  // namespace pymemlab
