// What is in every pool of every arena at a few moments of a replay. docs/metrics.md ("The arena
// map") defines the codes.
//
// A worker writes the moments one after the other into memory that it shares with the measuring
// process; that one reads them back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/pymalloc/small_heap.h"

namespace pymemlab {

// One arena at one moment.
struct MappedArena {
  std::uint64_t slot = 0;     // in the heap's table of arenas: where CPython keeps it
  std::uint64_t ordinal = 0;  // 0, 1, 2, ... in order of successful request
  std::uint64_t live_blocks = 0;
  std::uint64_t used_bytes = 0;  // in live blocks, rounded
};

// One pool: a kind, and which share of its blocks is live.
struct MappedPool {
  static constexpr std::uint8_t kNeverUsed = 0;
  static constexpr std::uint8_t kEmpty = 1;
  static constexpr std::uint8_t kFirstClass = 2;  // + size class
  static constexpr std::uint8_t kNone = 255;      // lost to the arena's alignment
  std::uint8_t kind = kNeverUsed;
  std::uint8_t live = 0;  // in 255ths, rounded up: 0 says none
};
static_assert(sizeof(MappedPool) == 2);

struct ArenaMap {
  struct Moment {
    std::uint64_t event = 0;            // issued events before it
    std::uint64_t allocated_bytes = 0;  // the allocation clock
    std::vector<MappedArena> arenas;    // by slot
    std::vector<MappedPool> pools;      // pools_per_arena of each
  };
  // Evenly over the events, besides the peaks and the end; fewer are taken where the heap is large.
  std::uint64_t moments_wanted = 0;
  std::uint64_t moments_planned = 0;
  std::vector<Moment> moments;  // ascending by event
};

// All moments of one map together take no more memory than this; larger heaps have fewer moments.
inline constexpr std::uint64_t kMostMapBytes = 4 << 20;

// How many of the `wanted` moments fit if no moment has more than that many arenas. At least one.
[[nodiscard]] std::uint64_t map_moments_that_fit(std::uint64_t wanted, std::uint64_t arenas,
                                                 const Geometry& geometry) noexcept;
// Room for so many moments. In bytes.
[[nodiscard]] std::size_t map_room(std::uint64_t moments, std::uint64_t arenas,
                                   const Geometry& geometry) noexcept;

// Worker: puts the heap as it is behind the `used` bytes of `room`. Returns how many are used then,
// `used` itself if there is no room left. Allocates nothing.
[[nodiscard]] std::size_t write_map_moment(const SmallHeap& heap, std::uint64_t event,
                                           std::uint64_t allocated_bytes, std::span<std::byte> room,
                                           std::size_t used) noexcept;
// Parent: the moments in what a worker has written.
[[nodiscard]] std::vector<ArenaMap::Moment> read_map_moments(std::span<const std::byte> written,
                                                             const Geometry& geometry);

}  // namespace pymemlab
