#include "core/trace/event_decoder.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/base/input_error.h"
#include "core/trace/little_endian.h"

namespace pymemlab {
namespace {

constexpr std::size_t kMaxMarksColumn = 64u << 20;
// Offsets that no name has: of free(NULL), and of what decode_rare is for.
constexpr std::uint32_t kNoBlock = 0x80000000u;
constexpr std::uint32_t kRareEvent = 0x80000001u;
static_assert(2 * kMaxAge < kNoBlock && 0u - 2 * kMaxAge > kRareEvent);

// Allocations whose blocks are noted at once as too old for an age: of a run so long the processor
// fetches the ring ahead.
constexpr std::uint64_t kKeepAtOnce = 1u << 15;
static_assert(kKeepAtOnce + SlotOrder::kGuard < kMaxAge);

[[noreturn]] void refuse(const ChunkReader& chunk, const char* fault) {
  throw InputError("{}: impossible coding: {}", chunk.place(), fault);
}

Event with_slot(std::uint32_t low, Slot slot) noexcept {
  return std::bit_cast<Event>(std::array{low, slot});
}

// What a name from a dictionary or column adds to what it is counted from.
std::uint32_t offset_of(NameForm form, std::uint64_t name) noexcept {
  return static_cast<std::uint32_t>(form == NameForm::difference ? unzigzag(name)
                                                                 : std::uint64_t{0} - name);
}

}  // namespace

void EventDecoder::restore(const KeyState& state) {
  allocations_ = state.allocations;
  used_ = state.used;
  live_ = static_cast<std::uint32_t>(state.blocks.size());
  order_.make_room(used_);
  std::copy(state.free_slots.begin(), state.free_slots.end(), order_.data() + live_);
  ring_.make_room(allocations_, 0);
  lookup_.restore(allocations_);
  for (std::size_t i = 0; i < state.blocks.size(); ++i) {
    const Slot slot = state.blocks[i].slot;
    if (state.block_ages[i] <= kMaxAge) {
      ring_[allocations_ - state.block_ages[i]] = slot;
    } else {
      lookup_.add_old(slot);
    }
  }
  next_event_ = state.next_event;
  arenas_ = state.arenas;
  marks_ = state.marks.size();
}

EventsHead EventDecoder::decode(ChunkReader& chunk, EventBatch& batch,
                                std::vector<std::string>& marks, TraceDigest& digest) {
  const EventsHead head = read_head(chunk);
  read_dictionary(chunk);
  read_words(chunk, head, batch.wide);
  read_marks(chunk, marks);
  batch.first = head.first_event;
  batch.addresses.clear();
  run(chunk, head, batch, digest);
  digest.add_words(batch.wide);
  next_event_ += head.events;
  return head;
}

EventsHead EventDecoder::read_head(ChunkReader& chunk) {
  if (chunk.column(kEventsHead, kEventsHeadBytes, buffer_) != kEventsHeadBytes)
    refuse(chunk, "its fixed fields are missing");
  const std::uint8_t* from = buffer_.data();
  const EventsHead head{.first_event = get_fixed<std::uint64_t>(from),
                        .allocations = get_fixed<std::uint64_t>(from + 8),
                        .events = get_fixed<std::uint32_t>(from + 16),
                        .wide_words = get_fixed<std::uint32_t>(from + 20),
                        .flags = get_fixed<std::uint32_t>(from + 24)};
  if (head.events == 0 || head.events > kMaxChunkEvents || head.wide_words > 2 * head.events)
    refuse(chunk, "it claims more events or words than a chunk may hold, or none");
  if (head.first_event != next_event_ || head.allocations != allocations_)
    refuse(chunk, "it does not continue the chunk before it");
  if (live_ > kMaxLiveBlocks) refuse(chunk, "more blocks are live than a trace may hold");
  return head;
}

void EventDecoder::read_dictionary(ChunkReader& chunk) {
  const std::size_t bytes =
      chunk.column(kEventsDictionary, kMaxDictionary * 20 + kVarintMaxBytes, buffer_);
  VarintReader from(buffer_.data(), bytes);
  const std::uint64_t entries = from.next();
  if (from.failed() || entries > kMaxDictionary) refuse(chunk, "a dictionary of more than 256");
  rows_.fill(Row{.flags = kRare | kNoRow});
  for (std::size_t i = 0; i < entries; ++i) rows_[i] = read_entry(from, chunk);
  if (!from.at_end()) refuse(chunk, "a dictionary longer than its entries");
}

EventDecoder::Row EventDecoder::read_entry(VarintReader& from, const ChunkReader& chunk) const {
  const std::uint8_t* fixed = from.take(2);
  const auto form = fixed == nullptr ? kNameForms : std::size_t{fixed[1]} & ~std::size_t{kInline};
  if (form >= kNameForms || !is_valid_code(fixed[0]))
    refuse(chunk, "a dictionary entry that means nothing");
  Row row{.low = fixed[0], .form = static_cast<NameForm>(form)};
  const Event event = with_slot(row.low, 0);
  const EventKind kind = event.kind();
  const bool frees = kind == EventKind::free && row.form != NameForm::dead;
  const bool allocates = takes_new_slot(kind) && !event.failed();
  row.allocates = allocates ? ~0u : 0;
  row.live = (allocates ? 1 : 0) - (frees ? 1 : 0);
  row.freed = frees ? AllocationRing::kFreed : 0;
  row.from_last = row.form == NameForm::difference ? ~0u : 0;
  if (row.form != NameForm::age && !names_block(kind))
    refuse(chunk, "a dictionary entry that names a block where there is none");
  const bool common = row.allocates != 0 || (names_block(kind) && !names_slot(row.form));
  if ((fixed[1] & kInline) == 0) {
    if (!common) row.flags = kRare;
    if (has_size(kind)) row.flags |= kSizeInColumn;
    if (has_name(kind)) row.flags |= kNameInColumn;
    return row;
  }
  const std::uint64_t size = has_size(kind) ? from.next() : 0;
  const std::uint64_t name = has_name(kind) ? from.next() : 0;
  if (from.failed() || size > Event::kWide || name / 2 >= kMaxAge || names_slot(row.form))
    refuse(chunk, "a dictionary entry with a size or name that may not stand there");
  row.low |= static_cast<std::uint32_t>(size) << 8;
  if (has_name(kind)) row.offset = offset_of(row.form, name);
  const bool no_block = row.form == NameForm::age && name == kNoName && row.allocates == 0;
  if (!common || no_block || with_slot(row.low, 0).wide_words() != 0) row.flags = kRare;
  return row;
}

void EventDecoder::read_words(ChunkReader& chunk, const EventsHead& head,
                              std::vector<std::uint64_t>& words) {
  const std::size_t bytes =
      chunk.column(kEventsWords, std::size_t{head.wide_words} * kVarintMaxBytes, buffer_);
  if (bytes < head.wide_words) refuse(chunk, "fewer side words than it claims");
  VarintReader from(buffer_.data(), bytes);
  words.resize(head.wide_words);
  for (std::uint64_t& word : words) word = from.next();
  if (from.failed() || !from.at_end())
    refuse(chunk, "a column of side words that does not end well");
}

void EventDecoder::read_marks(ChunkReader& chunk, std::vector<std::string>& marks) {
  marks.clear();
  const std::size_t bytes = chunk.column(kEventsMarks, kMaxMarksColumn, buffer_);
  VarintReader from(buffer_.data(), bytes);
  while (!from.at_end()) {
    const std::uint64_t length = from.next();
    const std::uint8_t* text = length <= kMaxMarkBytes ? from.take(length) : nullptr;
    if (text == nullptr) refuse(chunk, "a mark's text that does not end well");
    marks.emplace_back(reinterpret_cast<const char*>(text), length);
  }
  marks_ += marks.size();
}

// In blocks that stay in the nearest cache, each added to the digest before it leaves that.
void EventDecoder::run(ChunkReader& chunk, const EventsHead& head, EventBatch& batch,
                       TraceDigest& digest) {
  open_columns(chunk, head);
  order_.make_room(std::size_t{live_} + head.events + 1);
  ring_.make_room(allocations_, head.events);
  batch.events.resize(head.events);
  Position at{.allocations = allocations_, .named = allocations_ - 1, .live = live_};
  for (std::size_t first = 0; first < head.events;) {
    const std::size_t events = std::min<std::size_t>(SlotOrder::kGuard, head.events - first);
    Event* const out = batch.events.data() + first;
    const Position before = at;
    valid_ &= run_block(tokens_.data() + first, out, events, at);
    digest.add_events({out, events});
    first += events;
    if (!valid_) break;
    if (before.live + static_cast<std::int64_t>(at.allocations - before.allocations) > used_)
      used_ = std::max(used_, ring_.used(before.allocations, at.allocations));
    if (lookup_.behind(at.allocations) >= kKeepAtOnce) lookup_.keep_old(ring_, at.allocations);
  }
  check_columns(chunk, head);
  allocations_ = at.allocations;
  live_ = static_cast<std::uint32_t>(at.live);
}

// The common events run without a branch between allocations and frees. An allocation finds its
// slot at order[live], every other event in the ring, at the place of the block it names; every
// event stores its slot where a free does, in order[.. live), which is not used, and back into the
// ring, as an allocation does, and a free, which marks it there. Numbers of allocations are
// relative to the next: `back` is the one that an event is about, `named` the same but -1 for an
// allocation, so that all of them have the high bits set exactly if every name lies within half the
// ring. There what is freed or before the first allocation has kFreed set. Too many frees lead into
// the guard in front of order, and in one block of events no further.
bool EventDecoder::run_block(const std::uint8_t* tokens, Event* out, std::size_t events,
                             Position& position) {
  Slot* const ring = ring_.data();
  const std::uint32_t mask = ring_.mask();
  std::uint32_t next = 0;         // number of the next allocation
  std::uint32_t last = 0;         // the allocation that an age or difference named last
  Slot* newest = nullptr;         // order[live]
  Slot all_found = 0;             // OR of all slots
  std::uint32_t all_named = ~0u;  // AND of all values of `named`
  const auto resume = [&] {
    next = static_cast<std::uint32_t>(position.allocations);
    last = static_cast<std::uint32_t>(position.named - position.allocations);
    newest = order_.data() + position.live;
  };
  const auto save = [&] {
    position.allocations += next - static_cast<std::uint32_t>(position.allocations);
    position.named = position.allocations - (0u - last);
    position.live = newest - order_.data();
  };
  resume();
  const std::uint8_t* const end = tokens + events;
  for (; tokens != end; ++tokens, ++out) {
    const Row& row = rows_[*tokens];
    Operands operands{.low = row.low, .offset = row.offset};
    if (row.flags != 0) [[unlikely]] {
      operands = take_operands(row);
      if (operands.offset == kNoBlock) {
        *out = with_slot(operands.low, kNoSlot);
        continue;
      }
      if (operands.offset == kRareEvent) {
        save();
        const auto left = static_cast<std::size_t>(end - tokens);
        const std::size_t more = decode_rare(tokens, out, left, position) - 1;
        tokens += more;
        out += more;
        resume();
        continue;
      }
    }
    const std::uint32_t back = operands.offset + (last & row.from_last);
    Slot& place = ring[(next + back) & mask];
    const Slot slot = *(row.allocates != 0 ? newest : &place);
    *out = with_slot(operands.low, slot);
    newest[-1] = slot;
    all_found |= slot;
    place = slot | row.freed;
    newest += row.live;
    const std::uint32_t named = back + row.allocates;
    all_named &= named;
    last = (last & row.allocates) + named;
    next -= row.allocates;
  }
  save();
  return (all_named | mask / 2) == ~0u && (all_found & AllocationRing::kFreed) == 0;
}

void EventDecoder::open_columns(ChunkReader& chunk, const EventsHead& head) {
  if (chunk.column(kEventsTokens, head.events, tokens_) != head.events)
    refuse(chunk, "not one token an event");
  const std::size_t most = std::size_t{head.events} * kVarintMaxBytes;
  const std::size_t sizes = chunk.column(kEventsSizes, most, sizes_buffer_);
  const std::size_t names = chunk.column(kEventsNames, most, names_buffer_);
  sizes_ = VarintReader(sizes_buffer_.data(), sizes);
  names_ = VarintReader(names_buffer_.data(), names);
  named_slot_ = 0;
  words_used_ = 0;
  valid_ = true;
}

void EventDecoder::check_columns(const ChunkReader& chunk, const EventsHead& head) const {
  if (!valid_ || sizes_.failed() || names_.failed())
    refuse(chunk, "an event whose token, size or name means nothing here");
  if (!sizes_.at_end() || !names_.at_end()) refuse(chunk, "sizes or names left over");
  if (words_used_ != head.wide_words) refuse(chunk, "not the side words its events take");
}

// The event's first half with its size from the column.
std::uint32_t EventDecoder::take_size(std::uint32_t low) {
  const std::uint64_t size = sizes_.next();
  valid_ &= size <= Event::kWide;
  low |= static_cast<std::uint32_t>(size) << 8;
  words_used_ += with_slot(low, 0).wide_words();
  return low;
}

// Those of a row that has them in the columns, or what else there is to be done.
EventDecoder::Operands EventDecoder::take_operands(const Row& row) {
  if ((row.flags & kRare) != 0) return {.offset = kRareEvent};
  Operands operands{.low = row.low, .offset = row.offset};
  if ((row.flags & kSizeInColumn) != 0) operands.low = take_size(row.low);
  if ((row.flags & kNameInColumn) == 0) return operands;
  const std::uint64_t name = names_.next();
  const bool no_block = name == kNoName && row.form == NameForm::age;
  valid_ &= no_block ? row.freed != 0 : name / 2 < kMaxAge;
  operands.offset = no_block ? kNoBlock : offset_of(row.form, name);
  return operands;
}

// Whether it is a free of a block that goes by its slot.
bool EventDecoder::frees_slot(const Row& row) noexcept {
  return row.form == NameForm::slot && row.freed != 0;
}

// The rare events from tokens[0] on, at least one; says how many.
std::size_t EventDecoder::decode_rare(const std::uint8_t* tokens, Event* out, std::size_t events,
                                      Position& at) {
  std::size_t i = 0;
  do {
    const Row& row = rows_[tokens[i]];
    if (frees_slot(row)) {
      i += free_slots(tokens + i, out + i, events - i, at);
    } else {
      out[i++] = decode_one(row, at);
    }
  } while (i != events && (rows_[tokens[i]].flags & kRare) != 0);
  return i;
}

// Everything that carries more than a size and a recent block. Clears valid_ for what cannot be.
Event EventDecoder::decode_one(const Row& row, Position& at) {
  if ((row.flags & kNoRow) != 0) {
    valid_ = false;
    return {};
  }
  std::uint32_t low = row.low;
  const EventKind kind = with_slot(low, 0).kind();
  if ((row.flags & kSizeInColumn) != 0) {
    low = take_size(low);
  } else {
    words_used_ += with_slot(low, 0).wide_words();
  }
  const auto offset = static_cast<std::int32_t>(row.offset);
  std::uint64_t name = static_cast<std::uint64_t>(std::int64_t{offset});
  name = row.form == NameForm::difference ? zigzag(name) : std::uint64_t{0} - name;
  if ((row.flags & kNameInColumn) != 0) name = names_.next();
  Slot slot = kNoSlot;
  if (row.allocates != 0) {
    slot = order_.data()[at.live++];
    ring_[at.allocations++] = slot;
  } else if (names_block(kind)) {
    if (row.form != NameForm::age || name != kNoName) {
      slot = find_block(row, name, at);
    } else {
      valid_ &= kind == EventKind::free;
    }
  } else if (kind == EventKind::arena_alloc) {
    slot = arenas_++;
    valid_ &= arenas_ <= kMaxLiveBlocks;
  } else if (kind == EventKind::arena_free) {
    valid_ &= name <= arenas_;
    if (name != kNoName) slot = arenas_ - static_cast<std::uint32_t>(name);
    words_used_ += with_slot(low, slot).wide_words() - with_slot(low, 0).wide_words();
  } else if (has_name(kind)) {
    valid_ &= name < (kind == EventKind::mark ? marks_ : kMaxContexts);
    slot = static_cast<Slot>(name);
  }
  return with_slot(low, slot);
}

// Old blocks are freed one after another when a program ends. Decodes the frees from tokens[0] on,
// at least one, and says how many; clears valid_ if one of them names no old block.
std::size_t EventDecoder::free_slots(const std::uint8_t* tokens, Event* out, std::size_t events,
                                     Position& at) {
  lookup_.keep_old(ring_, at.allocations);
  Slot* free = order_.data() + at.live;
  std::uint64_t number = named_slot_;
  VarintReader names = names_;
  std::size_t i = 0;
  do {
    number += unzigzag(names.next());
    auto slot = static_cast<Slot>(number);
    if (slot != number || !lookup_.release(slot)) {
      valid_ = false;
      slot = kNoSlot;
    }
    *--free = slot;
    out[i] = with_slot(rows_[tokens[i]].low, slot);
  } while (++i != events && frees_slot(rows_[tokens[i]]));
  named_slot_ = number;
  names_ = names;
  at.live -= static_cast<std::int64_t>(i);
  return i;
}

// The slot of the block that an event is about which frees no live one; clears valid_ if there is
// none such.
Slot EventDecoder::find_block(const Row& row, std::uint64_t name, Position& at) {
  if (names_slot(row.form)) return find_slot(row.form, name, at);
  const std::uint64_t number =
      row.form == NameForm::difference ? at.named + unzigzag(name) : at.allocations - name;
  const std::uint64_t age = at.allocations - number;
  const Slot slot = ring_[number];
  if (age - 1 < kMaxAge && age <= at.allocations && (slot & AllocationRing::kFreed) == 0) {
    at.named = number;
    return slot;
  }
  valid_ = false;
  return kNoSlot;
}

// By its number; clears valid_ if it is not what its name says.
Slot EventDecoder::find_slot(NameForm form, std::uint64_t value, const Position& at) {
  named_slot_ += unzigzag(value);
  const auto slot = static_cast<Slot>(named_slot_);
  lookup_.keep_old(ring_, at.allocations);
  valid_ &= slot == named_slot_ &&
            (form == NameForm::slot ? lookup_.is_old_block(slot)
                                    : lookup_.is_dead(slot, used_, ring_, at.allocations));
  return valid_ ? slot : kNoSlot;
}

}  // namespace pymemlab
