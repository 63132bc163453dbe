// Which slots the newest allocations took, and which of their blocks are freed: what an age or a
// difference names. A reader's; a writer knows each block's allocation.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/os/huge_page_allocator.h"
#include "core/trace/event_coding.h"

namespace pymemlab {

// Allocation n is at n & mask(): its slot, with kFreed once its block is freed. There are at least
// twice as many places as allocations, or as a name may reach back: a number before the first
// allocation leads to a place that holds kNoSlot, which has that bit, too.
class AllocationRing {
 public:
  static constexpr Slot kFreed = 1u << 31;
  static_assert(kMaxLiveBlocks < kFreed);

  AllocationRing() { make_room(0, 0); }

  // After this, `more` may follow the first `allocations`. It grows before anything has wrapped:
  // places stay.
  void make_room(std::uint64_t allocations, std::uint32_t more) {
    const std::uint64_t wanted = std::min<std::uint64_t>(allocations, kMaxAge) + more + 1;
    const std::size_t places = 2 * std::min<std::uint64_t>(std::bit_ceil(wanted), kMaxAge);
    if (places_.size() >= places) return;
    if (places > kFewPlaces) places_.reserve(2 * kMaxAge);  // address space, to grow where it is
    places_.resize(places, kNoSlot);
  }

  [[nodiscard]] Slot& operator[](std::uint64_t number) noexcept { return places_[number & mask()]; }
  [[nodiscard]] Slot operator[](std::uint64_t number) const noexcept {
    return places_[number & mask()];
  }
  [[nodiscard]] Slot* data() noexcept { return places_.data(); }
  [[nodiscard]] std::uint32_t mask() const noexcept {
    return static_cast<std::uint32_t>(places_.size() - 1);
  }
  // Calls visit(first, last) for the places of the allocations [first, last), which are one or two
  // ranges. REQUIRES: they are among the newest mask() + 1.
  template <typename Visitor>
  void visit(std::uint64_t first, std::uint64_t last, Visitor visitor) const {
    while (first < last) {
      const std::size_t from = first & mask();
      const std::size_t end = std::min<std::uint64_t>(from + last - first, places_.size());
      visitor(places_.data() + from, places_.data() + end);
      first += end - from;
    }
  }
  // One more than the largest slot that the allocations [first, last) took. REQUIRES: as visit.
  [[nodiscard]] Slot used(std::uint64_t first, std::uint64_t last) const noexcept {
    std::int32_t largest = -1;  // of a type that SSE2 compares
    visit(first, last, [&](const Slot* from, const Slot* end) {
      for (; from != end; ++from)
        largest = std::max(largest, static_cast<std::int32_t>(*from & ~kFreed));
    });
    return static_cast<Slot>(largest + 1);
  }

 private:
  static constexpr std::size_t kFewPlaces = 1u << 16;
  LargeVector<Slot> places_;
};

}  // namespace pymemlab
