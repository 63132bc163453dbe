// What a heap did so far, in counts that depend on the calls and the geometry alone: the same in
// every run and on every machine. A heap that is timed does not count (SmallHeapOptions).
//
//    pool_inits + pool_reuses - pools_emptied == pools that are used or full
//    pools_filled - pools_reopened            == full pools
//    arena_maps - arena_unmaps                == arenas
#pragma once

#include <cstdint>

namespace pymemlab {

struct HeapCosts {
  std::uint64_t pool_inits = 0;      // a pool got a size class that it did not have: header written
  std::uint64_t pool_reuses = 0;     // an empty pool went back to the class that it had
  std::uint64_t pools_emptied = 0;   // went back to their arenas
  std::uint64_t pools_filled = 0;    // gave their last block and left their class's list
  std::uint64_t pools_reopened = 0;  // full ones that got a block back and joined it again
  std::uint64_t arena_maps = 0;
  std::uint64_t arena_unmaps = 0;
  std::uint64_t arena_list_moves = 0;   // arenas that joined, left or changed place in the list
  std::uint64_t raw_requests = 0;       // new blocks that raw serves: for their size or for want
  std::uint64_t raw_for_want = 0;       // of those: because there was no arena to be had
  std::uint64_t raw_reallocs = 0;       // of blocks that raw serves, passed on
  std::uint64_t reallocs_in_place = 0;  // of pool blocks
  std::uint64_t reallocs_moved = 0;
  std::uint64_t copied_bytes = 0;  // by those

  // Every time a pool joined or left its class's list.
  [[nodiscard]] std::uint64_t pool_list_moves() const noexcept {
    return pool_inits + pool_reuses + pools_emptied + pools_filled + pools_reopened;
  }
};

}  // namespace pymemlab
