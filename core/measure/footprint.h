// The figures of a footprint pass: where the memory went at a moment, and what happened at every
// event. docs/metrics.md defines each; all are bytes unless the name says otherwise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/pymalloc/small_heap.h"

namespace pymemlab {

// One moment. The conservation identity, exact by construction of `unexplained` on libc's side and
// by independent counting on the model's (residual == 0):
//
//   mapped == live + hook + rounding + metadata + free_block + free_pool + structural
//             + raw_free + unexplained + residual
struct FootprintSample {
  std::uint64_t event = 0;            // issued events before this moment
  std::uint64_t allocated_bytes = 0;  // the allocation clock
  std::uint64_t live_blocks = 0;
  std::uint64_t live_bytes = 0;      // requested by live blocks
  std::uint64_t hook_bytes = 0;      // debug hooks' padding
  std::uint64_t rounding_bytes = 0;  // usable minus requested minus hooks
  std::uint64_t metadata_bytes = 0;  // pool headers, arena slots, radix nodes, libc's chunk headers
  std::uint64_t free_block_bytes = 0;  // in partly used pools, or in mimalloc's pages
  std::uint64_t free_pool_bytes = 0;   // wholly free pools of live arenas
  std::uint64_t structural_bytes = 0;  // pool tails and arena alignment
  std::int64_t raw_free_bytes = 0;     // libc's free chunks, above what it had at the start
  std::int64_t unexplained_bytes = 0;  // what libc or mimalloc holds beyond all this
  std::uint64_t mapped_bytes = 0;      // arenas, plus what libc got from the kernel since the start
  std::int64_t resident_bytes = 0;     // the kernel's count above its count at the start
  std::uint64_t arenas = 0;
  std::int64_t residual_bytes = 0;
  // The fewest bytes any non-moving allocator of this geometry could map for the same live blocks.
  std::uint64_t packed_bytes = 0;
};

// The arenas at one moment, and those of them that few live blocks hold.
struct ArenaPins {
  static constexpr std::array<unsigned, 3> kPercent = {1, 5, 25};
  struct Below {
    std::uint64_t arenas = 0;
    std::uint64_t blocks = 0;  // live in them
  };
  std::uint64_t arenas = 0;
  std::uint64_t live_blocks = 0;
  std::array<Below, 3>
      below{};  // occupancy (live rounded bytes over arena bytes) below kPercent[i]

  [[nodiscard]] static ArenaPins of(const SmallHeap& heap) noexcept;
};

// The extremes within one interval of the allocation clock.
struct IntervalPeak {
  std::uint64_t live_bytes = 0;
  std::uint64_t mapped_bytes = 0;
};

// A 128-bit sum, as two words that any side of a shared mapping can read.
struct WideSum {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  void add_product(std::uint64_t a, std::uint64_t b) noexcept {
    const auto sum =
        (static_cast<unsigned __int128>(high) << 64 | low) + static_cast<unsigned __int128>(a) * b;
    low = static_cast<std::uint64_t>(sum);
    high = static_cast<std::uint64_t>(sum >> 64);
  }
  [[nodiscard]] double value() const noexcept {
    return static_cast<double>(high) * 0x1p64 + static_cast<double>(low);
  }
};

// What a whole replay cost in counts that depend on the calls alone.
struct CostCounts {
  std::uint64_t reallocs = 0;        // of live blocks
  std::uint64_t reallocs_moved = 0;  // of those: the block has another address
  std::uint64_t arena_maps = 0;      // by the arena source's count
  std::uint64_t arena_unmaps = 0;
  bool heap_counted = false;  // false: `heap` says nothing
  HeapCosts heap;
};

// Event-exact: taken after every event of the replay.
struct FootprintScan {
  std::uint64_t events = 0;
  std::uint64_t peak_live_bytes = 0;
  std::uint64_t peak_live_event = 0;  // first event after which it was reached
  std::uint64_t mapped_at_peak_live = 0;
  std::uint64_t peak_mapped_bytes = 0;
  std::uint64_t peak_mapped_event = 0;
  std::uint64_t live_at_peak_mapped = 0;
  std::uint64_t peak_arena_bytes = 0;
  WideSum mapped_dt;  // sums of bytes times clock advance
  WideSum live_dt;
  double mapped_over_live = 0;  // sum over events with live bytes
  std::uint64_t mapped_over_live_events = 0;
  CostCounts costs;
};

// The heap's own statistics at a moment, when pymalloc is in use.
struct HeapSnapshot {
  bool in_use = false;
  bool pins_seen = false;  // false: `pins` says nothing
  HeapStatistics statistics;
  ArenaPins pins;
};

}  // namespace pymemlab
