#include "core/trace/key_chunk.h"

#include <algorithm>

#include "core/base/input_error.h"
#include "core/trace/little_endian.h"
#include "core/trace/slot_table.h"
#include "core/trace/varint.h"

namespace pymemlab {
namespace {

constexpr std::size_t kHeadBytes = 36;

// A column of numbers as differences from one to the next.
Bytes differences(const std::vector<Slot>& slots) {
  Bytes column;
  std::uint64_t before = 0;
  for (const Slot slot : slots) {
    put_varint(column, zigzag(slot - before));
    before = slot;
  }
  return column;
}

struct Columns {
  ChunkReader& chunk;
  Bytes buffer;

  [[noreturn]] void refuse() const {
    throw InputError("{}: impossible coding: a key chunk that contradicts itself", chunk.place());
  }
  VarintReader open(std::uint16_t id) {
    const std::size_t bytes = chunk.column(id, kMaxColumnBytes, buffer);
    return {buffer.data(), bytes};
  }
  std::vector<Slot> slots(std::uint16_t id, Slot used) {
    VarintReader from = open(id);
    std::vector<Slot> slots;
    std::uint64_t value = 0;
    while (!from.at_end()) {
      value += unzigzag(from.next());
      if (value >= used) refuse();
      slots.push_back(static_cast<Slot>(value));
    }
    return slots;
  }
};

void read_blocks(Columns& columns, KeyState& state) {
  const std::vector<Slot> slots = columns.slots(kKeySlots, state.used);
  state.blocks.resize(slots.size());
  std::vector<bool> taken(state.used);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (taken[slots[i]]) columns.refuse();
    taken[slots[i]] = true;
    state.blocks[i].slot = slots[i];
  }
  for (const Slot slot : state.free_slots) {
    if (taken[slot]) columns.refuse();
    taken[slot] = true;
  }
  if (slots.size() + state.free_slots.size() != state.used) columns.refuse();

  VarintReader domains = columns.open(kKeyDomains);
  for (LiveBlock& block : state.blocks) {
    const std::uint64_t domain = domains.next();
    if (domain >= kDomains) columns.refuse();
    block.domain = static_cast<Domain>(domain);
  }
  if (domains.failed() || !domains.at_end()) columns.refuse();
  VarintReader sizes = columns.open(kKeySizes);
  for (LiveBlock& block : state.blocks) block.bytes = sizes.next();
  if (sizes.failed() || !sizes.at_end()) columns.refuse();
  VarintReader addresses = columns.open(kKeyAddresses);
  if (addresses.at_end()) return;
  std::uint64_t address = 0;
  for (LiveBlock& block : state.blocks) block.address = address += unzigzag(addresses.next());
  if (addresses.failed() || !addresses.at_end()) columns.refuse();
}

}  // namespace

void encode_key(const KeyState& state, bool addresses, ChunkBuilder& chunk) {
  Bytes head;
  put_fixed(head, state.next_event);
  put_fixed(head, state.allocations);
  put_fixed(head, state.used);
  put_fixed(head, static_cast<std::uint32_t>(state.blocks.size()));
  put_fixed(head, state.arenas);
  put_fixed(head, state.thread);
  put_fixed(head, state.interpreter);
  Bytes slots;
  Bytes domains;
  Bytes sizes;
  Bytes block_addresses;
  LiveBlock before;
  for (const LiveBlock& block : state.blocks) {
    put_varint(slots, zigzag(std::uint64_t{block.slot} - before.slot));
    put_varint(domains, index(block.domain));
    put_varint(sizes, block.bytes);
    if (addresses) put_varint(block_addresses, zigzag(block.address - before.address));
    before = block;
  }
  Bytes marks;
  for (const std::string& text : state.marks) {
    put_varint(marks, text.size());
    marks.insert(marks.end(), text.begin(), text.end());
  }
  chunk.add(kKeyHead, head);
  chunk.add(kKeyRing, differences(state.ring));
  chunk.add(kKeyFreeSlots, differences(state.free_slots));
  chunk.add(kKeySlots, slots);
  chunk.add(kKeyDomains, domains);
  chunk.add(kKeySizes, sizes);
  chunk.add(kKeyMarks, marks);
  chunk.add(kKeyAddresses, block_addresses);
}

KeyState decode_key(ChunkReader& chunk) {
  Columns columns{chunk, {}};
  if (chunk.column(kKeyHead, kHeadBytes, columns.buffer) != kHeadBytes) columns.refuse();
  const std::uint8_t* from = columns.buffer.data();
  KeyState state;
  state.next_event = get_fixed<std::uint64_t>(from);
  state.allocations = get_fixed<std::uint64_t>(from + 8);
  state.used = get_fixed<Slot>(from + 16);
  const auto live = get_fixed<std::uint32_t>(from + 20);
  state.arenas = get_fixed<std::uint32_t>(from + 24);
  state.thread = get_fixed<std::uint32_t>(from + 28);
  state.interpreter = get_fixed<std::uint32_t>(from + 32);
  if (state.used > 2 * kMaxLiveBlocks) columns.refuse();
  state.ring = columns.slots(kKeyRing, state.used);
  state.free_slots = columns.slots(kKeyFreeSlots, state.used);
  read_blocks(columns, state);
  if (state.blocks.size() != live ||
      state.ring.size() != std::min<std::uint64_t>(state.allocations, kAgeRing))
    columns.refuse();
  VarintReader marks = columns.open(kKeyMarks);
  while (!marks.at_end()) {
    const std::uint64_t length = marks.next();
    const std::uint8_t* text = length <= kMaxMarkBytes ? marks.take(length) : nullptr;
    if (text == nullptr) columns.refuse();
    state.marks.emplace_back(reinterpret_cast<const char*>(text), length);
  }
  return state;
}

}  // namespace pymemlab
