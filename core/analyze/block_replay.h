// Replays a trace in the model and knows, of each live block, where it lies and where it came from.
// Nothing is written to the blocks, and no block is made larger than 64 KiB: whether a request
// exceeds the small limit is all that decides about pools.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/measure/measurement.h"
#include "core/pymem/memory.h"
#include "core/replay/arena_source.h"
#include "core/replay/replay_feed.h"
#include "core/trace/event.h"

namespace pymemlab {

class BlockReplay {
 public:
  struct Block {
    void* pointer = nullptr;
    std::uint64_t bytes = 0;  // requested last
    std::uint64_t made_event = 0;
    std::uint64_t made_clock_bytes = 0;  // the allocation clock then
    SiteNumber site = kNoSite;
    Domain domain = Domain::raw;
    bool live = false;
    bool pooled = false;
  };

  // REQUIRES: the cell's target is the model.
  BlockReplay(const MeasuredTrace& trace, const Cell& cell);
  BlockReplay(const BlockReplay&) = delete;
  BlockReplay& operator=(const BlockReplay&) = delete;
  ~BlockReplay();  // gives every live block back

  // Performs the event as a replay does.
  void step(std::uint64_t number, const Operation& operation);
  // Ahead of the trace. REQUIRES: the block is live.
  void free(std::uint32_t slot);

  [[nodiscard]] const SmallHeap* heap() const noexcept { return memory_.heap(); }
  [[nodiscard]] std::uint64_t arena_bytes() const noexcept { return arenas_.mapped_bytes(); }
  [[nodiscard]] std::uint64_t pooled_bytes() const noexcept { return pooled_bytes_; }
  [[nodiscard]] std::uint64_t issued() const noexcept { return translator_.plan().counts.issued; }
  [[nodiscard]] std::uint64_t clock_bytes() const noexcept {
    return translator_.plan().clock_bytes;
  }
  [[nodiscard]] const std::vector<Block>& blocks() const noexcept { return blocks_; }  // by slot
  // Where the block's memory begins, the debug hooks' part included. REQUIRES: live and pooled.
  [[nodiscard]] const void* base(const Block& block) const noexcept {
    return memory_.cost(block.domain, block.pointer).base;
  }

 private:
  void place(std::uint64_t number, const Operation& operation, Block& block, void* pointer);
  [[nodiscard]] MemoryOptions options(const Cell& cell) noexcept;

  std::vector<std::uint64_t> bases_;
  ArenaSource arenas_;
  Memory memory_;
  ReplayTranslator translator_;
  std::vector<Block> blocks_;
  std::uint64_t pooled_bytes_ = 0;  // requested by the live blocks in pools
};

}  // namespace pymemlab
