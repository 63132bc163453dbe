// What writer and reader agree on about a chunk of events: columns, fixed fields and how a name is
// spelled. docs/trace-format.md, "Chunks of events", is the reference.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/trace/chunk.h"
#include "core/trace/event.h"
#include "core/trace/varint.h"

namespace pymemlab {

enum EventsColumn : std::uint16_t {
  kEventsHead = 1,
  kEventsDictionary = 2,
  kEventsTokens = 3,
  kEventsSizes = 4,
  kEventsNames = 5,
  kEventsWords = 6,
  kEventsMarks = 7,
  kEventsAddressTokens = kOptionalColumn | 1,
  kEventsAddressWords = kOptionalColumn | 2,
  kEventsSites = kOptionalColumn | 3,
  kEventsNewSites = kOptionalColumn | 4,
};
inline constexpr std::array<std::uint16_t, 11> kEventsColumns = {
    kEventsHead,         kEventsDictionary, kEventsTokens,  kEventsSizes,
    kEventsNames,        kEventsWords,      kEventsMarks,   kEventsAddressTokens,
    kEventsAddressWords, kEventsSites,      kEventsNewSites};

// The fixed fields of a chunk of events, 28 bytes in this order.
struct EventsHead {
  std::uint64_t first_event = 0;
  std::uint64_t allocations = 0;  // before the chunk: a check that nothing is missing
  std::uint32_t events = 0;
  std::uint32_t wide_words = 0;
  std::uint32_t flags = 0;
};
inline constexpr std::size_t kEventsHeadBytes = 28;
// The address predictor forgets everything but the live blocks before this chunk.
inline constexpr std::uint32_t kAddressesAfresh = 1;

inline constexpr std::size_t kMaxDictionary = 256;
// The oldest allocation whose block an age or difference may name is this many back.
inline constexpr std::uint32_t kMaxAge = 1u << 20;

// How an event names a block. An age counts allocations back from the event: 1 is the newest
// allocation's block. A difference counts them from the allocation of the block that an age or
// difference named last in the chunk (forwards if positive), which is small where a structure is
// torn down. Only live blocks among the newest kMaxAge allocations have such names; older ones go
// by their slot, as the difference to the slot that went by it last in the chunk. `dead` is a slot
// too, of an event that changes nothing because the slot is dead: so a reader need not know which
// slots are live to know which are taken next. A chunk starts as if the allocation before its first
// event and slot 0 had been named. A block goes by the newest allocation of its slot.
//
// arena_free counts ages in arena requests; threads, interpreters and marks are named by number, as
// if it were an age.
enum class NameForm : std::uint8_t { age = 0, difference = 1, slot = 2, dead = 3 };
inline constexpr std::size_t kNameForms = 4;
constexpr bool names_slot(NameForm form) noexcept { return form >= NameForm::slot; }
inline constexpr std::uint32_t kNoName = 0;  // an age: free(NULL), the release of an unknown arena

struct Name {
  NameForm form = NameForm::age;
  std::uint32_t value = kNoName;  // zigzag, but for an age
};

// A dictionary entry's second byte: a NameForm, and whether size and name follow in the dictionary.
inline constexpr std::uint8_t kInline = 4;

constexpr bool has_size(EventKind kind) noexcept {
  return takes_new_slot(kind) || kind == EventKind::realloc;
}
constexpr bool names_block(EventKind kind) noexcept {
  return kind == EventKind::realloc || kind == EventKind::free || kind == EventKind::realloc_begin;
}
constexpr bool has_name(EventKind kind) noexcept {
  return names_block(kind) || kind == EventKind::arena_free || kind == EventKind::thread ||
         kind == EventKind::interpreter || kind == EventKind::mark;
}
constexpr bool may_fail(EventKind kind) noexcept {
  return has_size(kind) || kind == EventKind::arena_alloc;
}

// The event codes that mean something: a kind there is, and no flag or domain on a kind that has
// none.
constexpr bool is_valid_code(std::uint8_t code) noexcept {
  const Event event(static_cast<EventKind>(code & 15u), static_cast<Domain>(code >> 4 & 3u),
                    (code & 64u) != 0, (code & 128u) != 0, 0, 0);
  if (static_cast<std::size_t>(code & 15u) >= kEventKinds) return false;
  if (event.failed() && !may_fail(event.kind())) return false;
  return is_request(event.kind()) || (code & 0x70u) == 0;
}

// Numbers of threads and interpreters are dense from 0 and stay below this.
inline constexpr std::uint32_t kMaxContexts = 1u << 20;

}  // namespace pymemlab
