// One event of a trace: eight bytes in memory, so that a window of them stays in the cache.
//
//    bits 0-3 kind | 4-5 domain | 6 nested | 7 failed | 8-31 size | 32-63 slot
//
// A size that does not fit 24 bits, and everything else an event may carry, is in the batch's side
// array of 64-bit words (`EventBatch::wide`), consumed in event order: `wide_words` says how many.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/domain.h"
#include "core/trace/site.h"

namespace pymemlab {

// A slot is a live block's dense number: an allocation takes the newest free one.
using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0xFFFFFFFFu;

enum class EventKind : std::uint8_t {
  malloc = 0,        // slot := malloc(size)
  calloc = 1,        // slot := calloc(count, size)
  realloc = 2,       // slot := realloc(slot, size); the slot keeps its number
  free = 3,          // free(slot). kNoSlot: free(NULL). The slot may be dead: a double free
  realloc_null = 4,  // slot := realloc(NULL, size); takes a new slot as malloc does
  realloc_unknown =
      5,  // slot := realloc(p, size) of a block the trace has not seen; new slot; wide: p
  free_unknown = 6,   // free(p) of a block the trace has not seen; wide: p
  realloc_begin = 7,  // `slot`'s realloc was entered here; its `realloc` event is where it
                      // returned. Present only if another thread's event lies between the two
  arena_alloc = 8,    // the arena hook was asked; slot: ordinal of the request (0, 1, 2, ...);
                      // wide: size, base address (0 = refused)
  arena_free =
      9,  // slot: ordinal of the arena_alloc that is released. kNoSlot: unknown; wide: size, base
  thread = 10,       // the events that follow are thread `slot`'s (dense numbers from 0)
  interpreter = 11,  // the events that follow are interpreter `slot`'s (dense numbers from 0)
  mark = 12,         // a point of interest; slot: index into the trace's mark texts
};
inline constexpr std::size_t kEventKinds = 13;
inline constexpr std::array<std::string_view, kEventKinds> kEventKindNames = {
    "malloc",          "calloc",       "realloc",       "free",        "realloc_null",
    "realloc_unknown", "free_unknown", "realloc_begin", "arena_alloc", "arena_free",
    "thread",          "interpreter",  "mark"};

constexpr std::string_view name(EventKind kind) noexcept {
  return kEventKindNames[static_cast<std::size_t>(kind)];
}

// Whether the event makes a block in a new slot (unless it failed).
constexpr bool takes_new_slot(EventKind kind) noexcept {
  return kind == EventKind::malloc || kind == EventKind::calloc ||
         kind == EventKind::realloc_null || kind == EventKind::realloc_unknown;
}
// Whether the event is a request to one of the four domains (and so carries a meaningful domain).
constexpr bool is_request(EventKind kind) noexcept { return kind <= EventKind::realloc_begin; }

class Event {
 public:
  // In `size`: the size, or for calloc the pair, is in the side array.
  static constexpr std::uint32_t kWide = 0xFFFFFFu;

  constexpr Event() noexcept = default;
  // REQUIRES: size <= kWide.
  constexpr Event(EventKind kind, Domain domain, bool nested, bool failed, std::uint32_t size,
                  Slot slot) noexcept
      : low_(static_cast<std::uint32_t>(kind) | static_cast<std::uint32_t>(domain) << 4 |
             static_cast<std::uint32_t>(nested) << 6 | static_cast<std::uint32_t>(failed) << 7 |
             size << 8),
        slot_(slot) {}

  [[nodiscard]] constexpr EventKind kind() const noexcept {
    return static_cast<EventKind>(low_ & 15u);
  }
  [[nodiscard]] constexpr Domain domain() const noexcept {
    return static_cast<Domain>(low_ >> 4 & 3u);
  }
  // A call that an allocator made itself while serving a request: a consequence, never replayed.
  [[nodiscard]] constexpr bool nested() const noexcept { return (low_ & 64u) != 0; }
  // The real allocator returned NULL. No slot is taken; a realloc's block stays as it was.
  [[nodiscard]] constexpr bool failed() const noexcept { return (low_ & 128u) != 0; }
  // Kind, domain, nested and failed in one byte: what a loop dispatches on.
  [[nodiscard]] constexpr std::uint8_t code() const noexcept {
    return static_cast<std::uint8_t>(low_);
  }
  [[nodiscard]] constexpr std::uint32_t size() const noexcept { return low_ >> 8; }
  [[nodiscard]] constexpr Slot slot() const noexcept { return slot_; }

  // 64-bit words this event takes from the side array.
  [[nodiscard]] constexpr unsigned wide_words() const noexcept {
    if (size() != kWide && kind() <= EventKind::realloc_null) [[likely]]
      return 0;
    switch (kind()) {
      case EventKind::calloc: return size() == kWide ? 2 : 0;  // count, size. Inline: count is 1
      case EventKind::malloc:
      case EventKind::realloc:
      case EventKind::realloc_null: return size() == kWide ? 1 : 0;
      case EventKind::realloc_unknown: return size() == kWide ? 2 : 1;  // [size,] address
      case EventKind::free_unknown: return 1;
      case EventKind::arena_alloc: return 2;
      case EventKind::arena_free: return slot() == kNoSlot ? 2 : 0;
      default: return 0;
    }
  }

  friend constexpr bool operator==(const Event&, const Event&) = default;

 private:
  std::uint32_t low_ = 0;
  Slot slot_ = kNoSlot;
};
static_assert(sizeof(Event) == 8);

// Whether the event returned a block, and so has an address where addresses are kept.
constexpr bool returns_block(Event event) noexcept {
  return !event.failed() && (takes_new_slot(event.kind()) || event.kind() == EventKind::realloc);
}

// One event spelled out, for producers and for readers that are not in a hurry.
struct Operation {
  EventKind kind = EventKind::malloc;
  Domain domain = Domain::raw;
  bool nested = false;
  bool failed = false;
  Slot slot = kNoSlot;      // see EventKind
  std::uint64_t count = 1;  // calloc's first argument; 1 for every other kind
  std::uint64_t size = 0;   // bytes requested (per element for calloc), or the arena's size
  std::uint64_t address =
      0;  // what the real process got (allocations, reallocs), named (free_unknown,
          // realloc_unknown: see old_address), or the arena's base. 0 = not recorded
  std::uint64_t old_address = 0;  // realloc_unknown: the unknown block's address
  SiteNumber site = kNoSite;      // where a returned block was asked for, if that is recorded

  // Bytes requested. REQUIRES: the product does not overflow (CPython's guard refuses such calls).
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return count * size; }

  friend bool operator==(const Operation&, const Operation&) = default;
};

// A run of consecutive events as the reader hands it out.
struct EventBatch {
  std::uint64_t first = 0;  // number of events[0] in the trace
  std::vector<Event> events;
  std::vector<std::uint64_t> wide;
  // One word for each event that returned a block (takes_new_slot or realloc, not failed), in
  // order; empty when the trace has no address column or the reader was not asked for it.
  std::vector<std::uint64_t> addresses;
  // Likewise, where each of these blocks was asked for.
  std::vector<SiteNumber> sites;
};

// Walks a batch as Operations.
class OperationCursor {
 public:
  explicit OperationCursor(const EventBatch& batch) noexcept : batch_(batch) {}
  // False at the end of the batch.
  [[nodiscard]] bool next(Operation& operation) noexcept {
    if (event_ == batch_.events.size()) return false;
    const Event event = batch_.events[event_++];
    operation = Operation{.kind = event.kind(),
                          .domain = event.domain(),
                          .nested = event.nested(),
                          .failed = event.failed(),
                          .slot = event.slot(),
                          .size = event.size()};
    if (const unsigned words = event.wide_words(); words != 0) [[unlikely]]
      take_words(words, operation);
    if (returns_block(event)) {
      if (!batch_.addresses.empty()) operation.address = batch_.addresses[returned_];
      if (!batch_.sites.empty()) operation.site = batch_.sites[returned_];
      ++returned_;
    }
    return true;
  }

 private:
  void take_words(unsigned words, Operation& operation) noexcept;

  const EventBatch& batch_;
  std::size_t event_ = 0;
  std::size_t wide_ = 0;
  std::size_t returned_ = 0;
};

}  // namespace pymemlab
