// "Is this pointer in one of my arenas?" for any pointer, without reading what it points to.
//
// One byte a pool-sized page of the 47-bit user address space, in reserved address space that costs
// memory only where arenas lie: 0 no arena touches the page, 1 one arena covers it, 2 an arena ends
// inside it (arenas are page-aligned, not pool-aligned), so the answer needs the arenas themselves.
// A live block lies in a whole page, so its lookup is one load and one compare.
// CPython: address_in_range, up to 3.9 by reading the foreign page, from 3.10 by a radix tree.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/os/mapped_region.h"

namespace pymemlab {

template <std::size_t kPageBytes>
class AddressMap {
  static constexpr unsigned kShift = std::countr_zero(kPageBytes);
  static constexpr unsigned kAddressBits =
      47;  // what Linux gives to x86-64 and arm64 programs unasked
  static constexpr std::uintptr_t kEnd = std::uintptr_t{1} << kAddressBits;

 public:
  enum Coverage : std::uint8_t { kNone = 0, kWhole = 1, kPartial = 2 };

  AddressMap()
      : region_(MappedRegion::reserve(std::size_t{1} << (kAddressBits - kShift))),
        pages_(region_.data()) {}

  [[nodiscard]] bool in_whole_page(const void* pointer) const noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    return address < kEnd && static_cast<std::uint8_t>(pages_[address >> kShift]) == kWhole;
  }
  [[nodiscard]] Coverage coverage(const void* pointer) const noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    return address < kEnd ? static_cast<Coverage>(pages_[address >> kShift]) : kNone;
  }

  // REQUIRES: [base, base + bytes) lies below 2^47 and overlaps no range that is in the map.
  void add(std::uintptr_t base, std::size_t bytes) noexcept {
    const std::uintptr_t first_whole = (base + kPageBytes - 1) >> kShift;
    const std::uintptr_t end_whole = (base + bytes) >> kShift;
    std::memset(pages_ + first_whole, kWhole, end_whole - first_whole);
    if (base % kPageBytes != 0) pages_[base >> kShift] = std::byte{kPartial};
    if ((base + bytes) % kPageBytes != 0) pages_[end_whole] = std::byte{kPartial};
  }
  // A partial page stays partial: another arena may end in it, and the exact answer does not
  // change.
  void remove(std::uintptr_t base, std::size_t bytes) noexcept {
    const std::uintptr_t first_whole = (base + kPageBytes - 1) >> kShift;
    std::memset(pages_ + first_whole, kNone, ((base + bytes) >> kShift) - first_whole);
  }
  [[nodiscard]] static bool representable(std::uintptr_t base, std::size_t bytes) noexcept {
    return base + bytes <= kEnd;
  }

 private:
  MappedRegion region_;
  std::byte* pages_;
};

}  // namespace pymemlab
