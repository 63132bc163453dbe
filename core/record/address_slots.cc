#include "core/record/address_slots.h"

#include <utility>

namespace pymemlab {
namespace {

std::size_t start_of(std::uint64_t key, std::size_t size) {
  return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15u >> 32) & (size - 1);
}

}  // namespace

AddressSlots::AddressSlots() : regions_(256) {}

AddressSlots::Region AddressSlots::find_region(std::uint64_t key) {
  if (2 * used_ >= regions_.size()) grow();
  std::size_t at = start_of(key, regions_.size());
  while (regions_[at].key != kNoKey && regions_[at].key != key)
    at = (at + 1) & (regions_.size() - 1);
  if (regions_[at].key == kNoKey) {
    memory_.push_back(MappedRegion::reserve(kRegionBytes / kGranule * sizeof(std::uint32_t)));
    regions_[at] = {.key = key, .entries = reinterpret_cast<std::uint32_t*>(memory_.back().data())};
    ++used_;
  }
  return regions_[at];
}

void AddressSlots::grow() {
  std::vector<Region> larger(regions_.size() * 2);
  for (const Region& region : regions_) {
    if (region.key == kNoKey) continue;
    std::size_t at = start_of(region.key, larger.size());
    while (larger[at].key != kNoKey) at = (at + 1) & (larger.size() - 1);
    larger[at] = region;
  }
  regions_ = std::move(larger);
}

}  // namespace pymemlab
