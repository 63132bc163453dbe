// Which slot the live block at an address has. Two levels: a table of regions, and in each region
// one entry for every 8 bytes, in memory that the kernel supplies page by page as blocks appear. So
// a block's neighbours, with which it tends to be used, share its cache line, and nothing is ever
// moved, rehashed or compared.
//
// Memory: half of what the blocks themselves cover at worst, far less where they are large.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/os/mapped_region.h"
#include "core/trace/event.h"

namespace pymemlab {

class AddressSlots {
 public:
  AddressSlots();

  // The slot of the live block at `address`, which is then forgotten; kNoSlot if there is none.
  // An address that is no multiple of 8 is none of a block.
  Slot take(std::uint64_t address) {
    if (address % kGranule != 0) return kNoSlot;
    std::uint32_t& entry = entry_of(address);
    const Slot slot = entry - 1;
    entry = 0;
    return slot;
  }

  // Returns the slot that stood there, kNoSlot in the normal case of none. REQUIRES: address % 8 ==
  // 0.
  Slot put(std::uint64_t address, Slot slot) {
    std::uint32_t& entry = entry_of(address);
    const Slot before = entry - 1;
    entry = slot + 1;
    return before;
  }

  // Starts the fetch of the entry, for an address that will be asked for soon.
  void prefetch(std::uint64_t address) const {
    const Region& region = recent_[(address / kRegionBytes) % kRecent];
    if (region.key == address / kRegionBytes) {
      __builtin_prefetch(region.entries + address % kRegionBytes / kGranule, 1);
    }
  }

 private:
  static constexpr std::uint64_t kGranule = 8;
  static constexpr std::uint64_t kRegionBytes = std::uint64_t{16} << 20;
  static constexpr std::uint64_t kNoKey = ~std::uint64_t{0};
  static constexpr std::size_t kRecent = 64;

  // Entries are slot + 1, so that the kernel's zeroes, and kNoSlot + 1, mean none.
  struct Region {
    std::uint64_t key = kNoKey;  // address / kRegionBytes
    std::uint32_t* entries = nullptr;
  };

  std::uint32_t& entry_of(std::uint64_t address) {
    const std::uint64_t key = address / kRegionBytes;
    Region& region = recent_[key % kRecent];
    if (region.key != key) [[unlikely]]
      region = find_region(key);
    return region.entries[address % kRegionBytes / kGranule];
  }

  Region find_region(std::uint64_t key);
  void grow();

  std::array<Region, kRecent> recent_;
  std::vector<Region> regions_;  // open addressing, at most half full
  std::size_t used_ = 0;
  std::vector<MappedRegion> memory_;
};

}  // namespace pymemlab
