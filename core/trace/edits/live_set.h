// Everything that is live between two events, and how it came to be: enough to write a prologue
// after which the rest of the trace can be replayed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/trace/edits/event_sink.h"
#include "core/trace/edits/slot_map.h"
#include "core/trace/event.h"

namespace pymemlab {

class LiveSet {
 public:
  void apply(const Operation& operation);
  // Asks the sink for every live arena, then for every live block with what it was asked for last,
  // each in the order in which they were first asked for, by the threads and interpreters that
  // did; ends in the present thread and interpreter. Returns how many events that took.
  std::uint64_t rebuild(EventSink& sink, SlotMap& slots, SlotMap& arenas) const;

  // Where the slot's block is, or was; 0 if that was not recorded.
  [[nodiscard]] std::uint64_t address_of(Slot slot) const noexcept {
    return slot < blocks_.size() ? blocks_[slot].address : 0;
  }

 private:
  struct Context {
    Slot thread = 0;
    Slot interpreter = 0;
  };
  struct Block {
    std::uint64_t birth = 0;  // number of its allocation
    std::uint64_t count = 1;
    std::uint64_t size = 0;
    std::uint64_t address = 0;
    SiteNumber site = kNoSite;
    Context context;
    EventKind kind = EventKind::malloc;  // or calloc
    Domain domain = Domain::raw;
    bool nested = false;
    bool alive = false;
  };
  struct Arena {
    std::uint64_t size = 0;  // 0: refused or released
    std::uint64_t base = 0;
    Context context;
  };
  class Rebuilding;

  void allocate(const Operation& operation);
  void resize(const Operation& operation);
  [[nodiscard]] std::vector<Slot> live_slots() const;

  std::vector<Block> blocks_;  // by slot
  std::vector<Arena> arenas_;  // by ordinal
  Context context_;
  std::uint64_t allocations_ = 0;
};

}  // namespace pymemlab
