// A key chunk: everything a reader needs to know of the events before it, so that reading can start
// behind it. docs/trace-format.md, "Key chunks".
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/trace/chunk.h"
#include "core/trace/event.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {

struct KeyState {
  std::uint64_t next_event = 0;
  std::uint64_t allocations = 0;
  Slot used = 0;
  std::uint32_t arenas = 0;
  std::uint32_t thread = 0;
  std::uint32_t interpreter = 0;
  std::vector<LiveBlock> blocks;          // in the order of their allocation
  std::vector<std::uint64_t> block_ages;  // of each: 1 is the newest allocation
  std::vector<Slot> free_slots;           // the newest freed first
  std::vector<std::string> marks;         // texts so far
  SiteTable sites;                        // so far
  friend bool operator==(const KeyState&, const KeyState&) = default;
};

enum KeyColumn : std::uint16_t {
  kKeyHead = 1,
  kKeySlots = 2,
  kKeyAges = 3,
  kKeyDomains = 4,
  kKeySizes = 5,
  kKeyFreeSlots = 6,
  kKeyMarks = 7,
  kKeyAddresses = kOptionalColumn | 1,
  kKeySites = kOptionalColumn | 2,
  kKeySiteTable = kOptionalColumn | 3,
};
inline constexpr std::array<std::uint16_t, 10> kKeyColumns = {
    kKeyHead,      kKeySlots, kKeyAges,      kKeyDomains, kKeySizes,
    kKeyFreeSlots, kKeyMarks, kKeyAddresses, kKeySites,   kKeySiteTable};

// Adds the columns to `chunk`.
void encode_key(const KeyState& state, bool addresses, ChunkBuilder& chunk);
// Throws InputError for impossible coding.
[[nodiscard]] KeyState decode_key(ChunkReader& chunk);

}  // namespace pymemlab
