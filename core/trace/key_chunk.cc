#include "core/trace/key_chunk.h"

#include <algorithm>

#include "core/base/input_error.h"
#include "core/trace/little_endian.h"
#include "core/trace/site_column.h"
#include "core/trace/varint.h"

namespace pymemlab {
namespace {

constexpr std::size_t kHeadBytes = 36;

// Numbers as differences from one to the next.
class DifferenceColumn {
 public:
  void add(std::uint64_t value) {
    put_varint(bytes_, zigzag(value - before_));
    before_ = value;
  }
  [[nodiscard]] const Bytes& bytes() const noexcept { return bytes_; }

 private:
  Bytes bytes_;
  std::uint64_t before_ = 0;
};

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
  std::vector<std::uint64_t> numbers(std::uint16_t id) {
    VarintReader from = open(id);
    std::vector<std::uint64_t> numbers;
    std::uint64_t value = 0;
    while (!from.at_end() && numbers.size() <= kMaxKeySlots)
      numbers.push_back(value += unzigzag(from.next()));
    if (from.failed() || !from.at_end()) refuse();
    return numbers;
  }
};

// Live and free slots together are all slots below `used`, each once.
void read_slots(Columns& columns, KeyState& state, std::uint32_t live) {
  const std::vector<std::uint64_t> slots = columns.numbers(kKeySlots);
  const std::vector<std::uint64_t> free_slots = columns.numbers(kKeyFreeSlots);
  if (slots.size() != live || slots.size() + free_slots.size() != state.used) columns.refuse();
  std::vector<bool> taken(state.used);
  const auto take = [&](std::uint64_t slot) {
    if (slot >= state.used || taken[slot]) columns.refuse();
    taken[slot] = true;
    return static_cast<Slot>(slot);
  };
  for (const std::uint64_t slot : slots) state.blocks.push_back({.slot = take(slot)});
  for (const std::uint64_t slot : free_slots) state.free_slots.push_back(take(slot));
}

void read_ages(Columns& columns, KeyState& state) {
  state.block_ages = columns.numbers(kKeyAges);
  if (state.block_ages.size() != state.blocks.size()) columns.refuse();
  const auto impossible = [&](std::uint64_t age) { return age == 0 || age > state.allocations; };
  if (std::any_of(state.block_ages.begin(), state.block_ages.end(), impossible)) columns.refuse();
}

void read_blocks(Columns& columns, KeyState& state) {
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
  const std::vector<std::uint64_t> addresses = columns.numbers(kKeyAddresses);
  if (addresses.empty()) return;
  if (addresses.size() != state.blocks.size()) columns.refuse();
  for (std::size_t i = 0; i < addresses.size(); ++i) state.blocks[i].address = addresses[i];
}

void read_key_sites(Columns& columns, KeyState& state) {
  state.sites = read_site_table(columns.chunk, kKeySiteTable, 0);
  VarintReader sites = columns.open(kKeySites);
  if (sites.at_end()) return;
  for (LiveBlock& block : state.blocks) {
    const std::uint64_t site = sites.next();
    if (site > state.sites.size()) columns.refuse();
    block.site = static_cast<SiteNumber>(site);
  }
  if (sites.failed() || !sites.at_end()) columns.refuse();
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
  DifferenceColumn slots;
  DifferenceColumn ages;
  DifferenceColumn free_slots;
  DifferenceColumn block_addresses;
  Bytes domains;
  Bytes sizes;
  for (const LiveBlock& block : state.blocks) {
    slots.add(block.slot);
    put_varint(domains, index(block.domain));
    put_varint(sizes, block.bytes);
    if (addresses) block_addresses.add(block.address);
  }
  for (const std::uint64_t age : state.block_ages) ages.add(age);
  for (const Slot slot : state.free_slots) free_slots.add(slot);
  Bytes marks;
  for (const std::string& text : state.marks) {
    put_varint(marks, text.size());
    marks.insert(marks.end(), text.begin(), text.end());
  }
  chunk.add(kKeyHead, head);
  chunk.add(kKeySlots, slots.bytes());
  chunk.add(kKeyAges, ages.bytes());
  chunk.add(kKeyDomains, domains);
  chunk.add(kKeySizes, sizes);
  chunk.add(kKeyFreeSlots, free_slots.bytes());
  chunk.add(kKeyMarks, marks);
  chunk.add(kKeyAddresses, block_addresses.bytes());
  if (state.sites.empty()) return;
  Bytes sites;
  Bytes table;
  for (const LiveBlock& block : state.blocks) put_varint(sites, block.site);
  for (const Site& site : state.sites) put_site(table, site);
  chunk.add(kKeySites, sites);
  chunk.add(kKeySiteTable, table);
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
  if (state.used > kMaxKeySlots) columns.refuse();
  read_slots(columns, state, live);
  read_ages(columns, state);
  read_blocks(columns, state);
  VarintReader marks = columns.open(kKeyMarks);
  while (!marks.at_end()) {
    const std::uint64_t length = marks.next();
    const std::uint8_t* text = length <= kMaxMarkBytes ? marks.take(length) : nullptr;
    if (text == nullptr) columns.refuse();
    state.marks.emplace_back(reinterpret_cast<const char*>(text), length);
  }
  read_key_sites(columns, state);
  return state;
}

}  // namespace pymemlab
