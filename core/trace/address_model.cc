#include "core/trace/address_model.h"

#include <algorithm>

#include "core/trace/varint.h"

namespace pymemlab {
namespace {

constexpr std::uint64_t kSmallLimit = 512;  // CPython: SMALL_REQUEST_THRESHOLD
constexpr std::uint64_t kGranule = 16;      // bytes between classes
constexpr std::uint64_t kChunkHeader = 8;   // glibc's, in front of each block
constexpr std::uint64_t kRawClasses = 64;

}  // namespace

AddressModel::Class AddressModel::class_of(Domain domain, std::uint64_t bytes) noexcept {
  const bool small = (domain == Domain::mem || domain == Domain::obj) && bytes <= kSmallLimit;
  if (small && bytes > 0) {
    const std::uint64_t granules = (bytes + kGranule - 1) / kGranule;
    return {static_cast<std::uint8_t>(granules), static_cast<std::uint32_t>(granules * kGranule)};
  }
  const std::uint64_t granules =
      std::max<std::uint64_t>(2, bytes / kGranule + (bytes % kGranule + kChunkHeader + 15) / 16);
  const std::uint64_t index = std::min(granules, kRawClasses - 1);
  return {static_cast<std::uint8_t>(33 + index), static_cast<std::uint32_t>(granules * kGranule)};
}

std::uint8_t AddressModel::token(Slot slot, Class wanted, std::uint64_t address,
                                 std::uint64_t& word) const noexcept {
  const Recent& recent = recent_[wanted.index];
  if (address != 0) {
    if (address_of(slot) == address) return kUnmoved;
    for (std::size_t depth = 0; depth < kDepth; ++depth)
      if (at(recent, depth) == address) return static_cast<std::uint8_t>(depth);
    if (address == recent.last + wanted.block_bytes) return kBehindLast;
    if (address == last_) return kSameAsLast;
  }
  word = zigzag(address - recent.last);
  return kDifference;
}

bool AddressModel::address(Slot slot, Class wanted, std::uint8_t token, std::uint64_t word,
                           std::uint64_t& address) const noexcept {
  const Recent& recent = recent_[wanted.index];
  if (token < kDepth) {
    address = at(recent, token);
    return true;
  }
  switch (token) {
    case kBehindLast: address = recent.last + wanted.block_bytes; return true;
    case kSameAsLast: address = last_; return true;
    case kUnmoved: address = address_of(slot); return true;
    case kDifference: address = recent.last + unzigzag(word); return true;
    default: return false;
  }
}

// The address leaves the freed ones, and those above it move down.
void AddressModel::take(Recent& recent, std::uint64_t address) noexcept {
  if (address == 0) return;
  for (std::size_t depth = 0; depth < kDepth; ++depth) {
    if (at(recent, depth) != address) continue;
    for (; depth > 0; --depth) at(recent, depth) = at(recent, depth - 1);
    at(recent, 0) = 0;
    --recent.newest;
    return;
  }
}

void AddressModel::allocated(Slot slot, Class wanted, std::uint64_t address) {
  if (slot >= blocks_.size()) blocks_.resize(std::max<std::size_t>(slot + 1, 2 * blocks_.size()));
  take(recent_[wanted.index], address);
  recent_[wanted.index].last = address;
  last_ = address;
  blocks_[slot] = {address, wanted.index};
}

void AddressModel::reallocated(Slot slot, Class wanted, std::uint64_t address) {
  const std::uint64_t before = address_of(slot);
  if (before == 0) return;
  if (before != address) {
    freed(slot);
    allocated(slot, wanted, address);
  }
  last_ = address;
  blocks_[slot] = {address, wanted.index};
}

void AddressModel::freed(Slot slot) {
  if (slot >= blocks_.size() || blocks_[slot].address == 0) return;
  Recent& recent = recent_[blocks_[slot].index];
  if (at(recent, 0) != blocks_[slot].address)
    recent.freed[++recent.newest % kDepth] = blocks_[slot].address;
  blocks_[slot].address = 0;
}

void AddressModel::start_afresh() {
  recent_.fill(Recent{});
  last_ = 0;
}

}  // namespace pymemlab
