#include "core/trace/address_model.h"

#include <algorithm>
#include <cstddef>

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

[[gnu::flatten]] std::uint8_t AddressModel::encode(Slot slot, bool moves, Class wanted,
                                                   std::uint64_t address, std::uint64_t& word) {
  const std::uint8_t token = find(slot, moves, wanted, address);
  if (token == kDifference) word = zigzag(address - recent_[wanted.index].last);
  apply(slot, moves, wanted, token, address);
  return token;
}

// The likeliest first; the whole depth is searched only for what nothing else explains.
std::uint8_t AddressModel::find(Slot slot, bool moves, Class wanted,
                                std::uint64_t address) const noexcept {
  const Recent& recent = recent_[wanted.index];
  if (address == 0) return kDifference;
  if (moves && address_of(slot) == address) return kUnmoved;
  if (recent.freed(0) == address) return 0;
  if (address == recent.last + wanted.block_bytes) return kBehindLast;
  if (address == last_) return kSameAsLast;
  for (std::size_t depth = 1; depth < kDepth; ++depth)
    if (recent.freed(depth) == address) return static_cast<std::uint8_t>(depth);
  return kDifference;
}

[[gnu::flatten]] bool AddressModel::decode(Slot slot, bool moves, Class wanted, std::uint8_t token,
                                           std::uint64_t word, std::uint64_t& address) {
  const Recent& recent = recent_[wanted.index];
  if (token < kDepth) {
    address = recent.freed(token);
  } else {
    switch (token) {
      case kBehindLast: address = recent.last + wanted.block_bytes; break;
      case kSameAsLast: address = last_; break;
      case kUnmoved: address = moves ? address_of(slot) : 0; break;
      case kDifference: address = recent.last + unzigzag(word); break;
      default: return false;
    }
  }
  apply(slot, moves, wanted, token, address);
  return true;
}

void AddressModel::apply(Slot slot, bool moves, Class wanted, std::uint8_t token,
                         std::uint64_t address) {
  Recent& recent = recent_[wanted.index];
  if (token < kDepth) recent.remove(token);
  if (token != kUnmoved) recent.last = address;
  last_ = address;
  if (!moves) {
    set_live(slot, wanted, address);
  } else if (address_of(slot) != 0) {
    if (token != kUnmoved) freed(slot);
    set_live(slot, wanted, address);
  }
}

void AddressModel::Recent::remove(std::size_t depth) noexcept {
  for (; depth > 0; --depth)
    freed_[(newest_ - depth) % kDepth] = freed_[(newest_ - depth + 1) % kDepth];
  freed_[newest_ % kDepth] = 0;
  --newest_;
}

void AddressModel::set_live(Slot slot, Class given, std::uint64_t address) {
  if (slot >= blocks_.size())
    blocks_.resize(std::max(std::size_t{slot} + 1, blocks_.size() + blocks_.size() / 2));
  blocks_[slot] = {address, given.index};
}

void AddressModel::freed(Slot slot) noexcept {
  if (slot >= blocks_.size() || blocks_[slot].address == 0) return;
  Recent& recent = recent_[blocks_[slot].index];
  if (recent.freed(0) != blocks_[slot].address) recent.push(blocks_[slot].address);
  blocks_[slot].address = 0;
}

void AddressModel::start_afresh() noexcept {
  recent_.fill(Recent{});
  last_ = 0;
}

}  // namespace pymemlab
