#include "core/trace/event_decoder.h"

#include <algorithm>
#include <bit>

#include "core/base/input_error.h"
#include "core/trace/little_endian.h"

namespace pymemlab {
namespace {

constexpr std::size_t kMaxMarksColumn = 64u << 20;

[[noreturn]] void refuse(const ChunkReader& chunk, const char* fault) {
  throw InputError("{}: impossible coding: {}", chunk.place(), fault);
}

Event with_slot(std::uint32_t low, Slot slot) noexcept {
  return std::bit_cast<Event>(std::uint64_t{slot} << 32 | low);
}

}  // namespace

EventsHead EventDecoder::decode(ChunkReader& chunk, EventBatch& batch,
                                std::vector<std::string>& marks) {
  const EventsHead head = read_head(chunk);
  read_dictionary(chunk);
  read_words(chunk, head, batch.wide);
  read_marks(chunk, marks);
  batch.first = head.first_event;
  batch.addresses.clear();
  run(chunk, head, marks.size(), batch);
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
  if (head.first_event != next_event_ || head.allocations != slots_.allocations())
    refuse(chunk, "it does not continue the chunk before it");
  if (slots_.live() > kMaxLiveBlocks) refuse(chunk, "more blocks are live than a trace may hold");
  return head;
}

void EventDecoder::read_dictionary(ChunkReader& chunk) {
  VarintReader from(buffer_.data(), 0);
  const std::size_t bytes = chunk.column(kEventsDictionary, kMaxDictionary * 20 + 9, buffer_);
  from = VarintReader(buffer_.data(), bytes);
  const std::uint64_t entries = from.next();
  if (from.failed() || entries > kMaxDictionary) refuse(chunk, "a dictionary of more than 256");
  rows_.fill(Row{.flags = kNoRow});
  for (std::size_t i = 0; i < entries; ++i) {
    const std::uint8_t* fixed = from.take(2);
    if (fixed == nullptr || !is_valid_code(fixed[0]) || fixed[1] > 1)
      refuse(chunk, "a dictionary entry that means nothing");
    Row& row = rows_[i];
    row = Row{.low = fixed[0], .code = fixed[0]};
    const Event event = with_slot(row.low, 0);
    const EventKind kind = event.kind();
    row.allocates = takes_new_slot(kind) && !event.failed() ? 1 : 0;
    row.frees = kind == EventKind::free ? 1 : 0;
    if (fixed[1] == 0) {
      row.flags = kOperandsInColumns;
      continue;
    }
    const std::uint64_t size = has_size(kind) ? from.next() : 0;
    const std::uint64_t name = has_name(kind) ? from.next() : 0;
    if (from.failed() || size > Event::kWide || name >= kAgeRing)
      refuse(chunk, "a dictionary entry with a size or name that may not stand there");
    row.low |= static_cast<std::uint32_t>(size) << 8;
    row.name = static_cast<std::uint32_t>(name);
    const bool common = (row.allocates != 0 || (names_block(kind) && name != kNoName)) &&
                        with_slot(row.low, 0).wide_words() == 0;
    if (!common) row.flags = kRare;
  }
  if (!from.at_end()) refuse(chunk, "a dictionary longer than its entries");
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
  const std::size_t bytes = chunk.column(kEventsMarks, kMaxMarksColumn, buffer_);
  VarintReader from(buffer_.data(), bytes);
  while (!from.at_end()) {
    const std::uint64_t length = from.next();
    const std::uint8_t* text = length <= kMaxMarkBytes ? from.take(length) : nullptr;
    if (text == nullptr) refuse(chunk, "a mark's text that does not end well");
    marks.emplace_back(reinterpret_cast<const char*>(text), length);
  }
}

// The common events run without a branch that depends on the data: an allocation and a free differ
// in masks. Storing at `live - 1` what an allocation has just read from there, or in the part of
// `order` that is not used, changes nothing.
void EventDecoder::run(ChunkReader& chunk, const EventsHead& head, std::size_t marks,
                       EventBatch& batch) {
  if (chunk.column(kEventsTokens, head.events, tokens_) != head.events)
    refuse(chunk, "not one token an event");
  const std::size_t most = std::size_t{head.events} * kVarintMaxBytes;
  const std::size_t sizes = chunk.column(kEventsSizes, most, sizes_buffer_);
  const std::size_t names = chunk.column(kEventsNames, most, names_buffer_);
  sizes_ = VarintReader(sizes_buffer_.data(), sizes);
  names_ = VarintReader(names_buffer_.data(), names);
  words_used_ = 0;
  slots_.make_room(head.events);
  batch.events.resize(head.events);
  Event* out = batch.events.data();
  bool valid = true;
  for (std::size_t i = 0; i < head.events; ++i) {
    const Row& row = rows_[tokens_[i]];
    if (row.flags != 0) [[unlikely]] {
      valid &= decode_slowly(row, marks, out[i]);
      continue;
    }
    valid &= row.name <= slots_.allocations_;
    Slot slot;
    if (row.allocates != 0) {
      slot = slots_.allocate();
    } else {
      slot = slots_.aged(row.name);
      if (row.frees != 0) slots_.release(slot);
    }
    out[i] = with_slot(row.low, slot);
  }
  if (!valid || sizes_.failed() || names_.failed())
    refuse(chunk, "an event whose token, size or name means nothing here");
  if (!sizes_.at_end() || !names_.at_end()) refuse(chunk, "sizes or names left over");
  if (words_used_ != head.wide_words) refuse(chunk, "not the side words its events take");
}

// Everything that is not in the dictionary or carries more than a size and a recent block.
// False for what cannot be.
bool EventDecoder::decode_slowly(const Row& row, std::size_t marks, Event& event) {
  event = with_slot(row.low, kNoSlot);
  if (row.flags == kNoRow) return false;
  std::uint64_t size = event.size();
  std::uint64_t name = row.name;
  const EventKind kind = event.kind();
  if (row.flags == kOperandsInColumns) {
    size = has_size(kind) ? sizes_.next() : 0;
    name = has_name(kind) ? names_.next() : 0;
    if (size > Event::kWide) return false;
  }
  const auto low = static_cast<std::uint32_t>(size << 8 | row.code);
  Slot slot = kNoSlot;
  if (row.allocates != 0) {
    slot = slots_.allocate();
  } else if (names_block(kind)) {
    if (name == kNoName) {
      if (kind != EventKind::free) return false;
    } else if (name < kAgeRing) {
      if (name > slots_.allocations()) return false;
      slot = slots_.aged(static_cast<std::uint32_t>(name));
    } else {
      if (name - kAgeRing >= slots_.used()) return false;
      slot = static_cast<Slot>(name - kAgeRing);
    }
    if (row.frees != 0 && slot != kNoSlot) slots_.release(slot);
  } else if (kind == EventKind::arena_alloc) {
    slot = arenas_++;
    if (arenas_ > kMaxLiveBlocks) return false;
  } else if (kind == EventKind::arena_free) {
    if (name > arenas_) return false;
    if (name != kNoName) slot = arenas_ - static_cast<std::uint32_t>(name);
  } else if (has_name(kind)) {
    if (name >= (kind == EventKind::mark ? marks : kMaxContexts)) return false;
    slot = static_cast<Slot>(name);
  }
  event = with_slot(low, slot);
  words_used_ += event.wide_words();
  return true;
}

}  // namespace pymemlab
