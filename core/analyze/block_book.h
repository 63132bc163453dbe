// What the events of a trace so far have made of every block, and what they did wrong.
// Memory: 32 bytes a slot, that is, bounded by the largest number of blocks live at one time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/analyze/check.h"

namespace pymemlab {

class BlockBook {
 public:
  // Which blocks the trace may not have seen being allocated.
  enum class Unseen : std::uint8_t {
    none,
    raw,  // our recorder may have missed those from before it was in place
    any,  // it was not on all the time
  };
  // At most `limit` findings of each kind are kept.
  BlockBook(Unseen unseen, std::size_t limit) noexcept : unseen_(unseen), limit_(limit) {}

  // REQUIRES: events come in order, with the slots a TraceReader gave them.
  void take(std::uint64_t number, const Operation& operation) {
    switch (operation.kind) {
      case EventKind::malloc:
      case EventKind::calloc:
      case EventKind::realloc_null:
      case EventKind::realloc_unknown: return allocate(number, operation);
      case EventKind::realloc: return resize(number, operation);
      case EventKind::free: return release(number, operation);
      case EventKind::free_unknown:
        if (!operation.nested) note_unknown(number, operation);
        return;
      default: return;
    }
  }

  // Moves findings and counts into the report, and groups what is live.
  void finish(CheckReport& report);

 private:
  struct Block {
    std::uint64_t made = 0;   // event
    std::uint64_t freed = 0;  // event, if not live
    std::uint64_t bytes = 0;
    SiteNumber site = kNoSite;
    Domain domain = Domain::raw;
    bool live = false;
    bool nested = false;
  };
  static_assert(sizeof(Block) == 32);

  void allocate(std::uint64_t number, const Operation& operation);
  void resize(std::uint64_t number, const Operation& operation);
  void release(std::uint64_t number, const Operation& operation);
  void note(FindingKind kind, bool wrong, std::uint64_t number, const Operation& operation,
            const Block* block = nullptr);
  void note_unknown(std::uint64_t number, const Operation& operation);

  Unseen unseen_;
  std::size_t limit_;
  std::vector<Block> blocks_;  // by slot
  std::array<FindingCount, kFindingKinds> counts_{};
  std::vector<Finding> findings_;
};

}  // namespace pymemlab
