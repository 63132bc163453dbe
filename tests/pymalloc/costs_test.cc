// What a heap counts of its own work: a story worked out by hand, and the equations over random
// operations in every geometry.
#include "core/base/random.h"
#include "tests/pymalloc/heap_fixture.h"

namespace pymemlab {
namespace {

constexpr SmallHeapOptions kCounting{.count_costs = true};

TEST(HeapCosts, OfAShortStoryAreThoseWorkedOutByHand) {
  // 4 KiB pools, of which one holds seven blocks of 512 bytes; empty arenas go at once.
  Heap heap(kGeometry37, 0, kCounting);
  const std::vector<void*> full = heap.malloc_many(7, 512);  // the arena; pool 1 begins and fills
  void* eighth = heap.malloc(512);                           // pool 2 begins
  heap.free(full[0]);                                        // pool 1 reopens
  heap.free(eighth);                                         // pool 2 is empty
  void* small = heap.malloc(16);                             // pool 2 changes its class
  small = heap.realloc(small, 20);           // moves 16 bytes into pool 3, pool 2 is empty
  void* large = heap.malloc(600);            // raw
  large = heap.realloc(large, 700);          // raw
  void* none = heap.calloc(1, 0);            // raw
  void* kept = heap.realloc(full[1], 400);   // loses less than a quarter: stays
  void* moved = heap.realloc(full[2], 300);  // moves 300 bytes, pool 2 changes its class
  heap.free(moved);                          // pool 2 is empty
  void* again = heap.malloc(304);            // pool 2 goes back to the class that it had
  heap.arenas.fail_next(1);
  for (void* block : {kept, full[3], full[4], full[5], full[6]}) heap.free(block);
  for (void* block : {small, again, large, none}) heap.free(block);  // the arena goes
  void* wanting = heap.malloc(8);                                    // raw, since there is no arena
  heap.free(wanting);

  const HeapCosts costs = heap->costs().value();
  EXPECT_EQ(costs.pool_inits, 5u);
  EXPECT_EQ(costs.pool_reuses, 1u);
  EXPECT_EQ(costs.pools_emptied, 6u);
  EXPECT_EQ(costs.pools_filled, 1u);
  EXPECT_EQ(costs.pools_reopened, 1u);
  EXPECT_EQ(costs.pool_list_moves(), 14u);
  EXPECT_EQ(costs.arena_maps, 1u);
  EXPECT_EQ(costs.arena_unmaps, 1u);
  EXPECT_EQ(costs.arena_list_moves, 2u);
  EXPECT_EQ(costs.raw_requests, 3u);
  EXPECT_EQ(costs.raw_for_want, 1u);
  EXPECT_EQ(costs.raw_reallocs, 1u);
  EXPECT_EQ(costs.reallocs_in_place, 1u);
  EXPECT_EQ(costs.reallocs_moved, 2u);
  EXPECT_EQ(costs.copied_bytes, 316u);
}

// Three arenas of 64 pools, seven blocks of 512 bytes each: as arenas gain free pools they move
// behind those that have fewer.
TEST(HeapCosts, CountAnArenaThatChangesItsPlace) {
  Heap heap(kGeometry37, 0, kCounting);
  constexpr std::size_t kPerArena = 64 * 7;
  const std::vector<void*> blocks = heap.malloc_many(2 * kPerArena, 512);
  // Each joined the list when it was mapped and left it when its last pool was taken.
  EXPECT_EQ(heap->costs()->arena_list_moves, 4u);
  heap.free_range(blocks, 0, 7);          // arena 0 has one pool: joins
  heap.free_range(blocks, kPerArena, 7);  // arena 1 has one pool: joins, in front
  EXPECT_EQ(heap->costs()->arena_list_moves, 6u);
  heap.free_range(blocks, kPerArena + 7, 7);  // arena 1 has two: behind arena 0
  EXPECT_EQ(heap->costs()->arena_list_moves, 7u);
  heap.free_range(blocks, kPerArena + 14, 7);  // arena 1 has three and is the last already
  EXPECT_EQ(heap->costs()->arena_list_moves, 7u);
  heap.free_range(blocks, 7, kPerArena - 7);  // arena 0 passes arena 1, then goes
  EXPECT_EQ(heap->costs()->arena_unmaps, 1u);
  EXPECT_EQ(heap->costs()->arena_list_moves, 9u);
}

TEST(HeapCosts, FollowTheEquationsWhateverHappens) {
  for (const Geometry& geometry :
       {kGeometry36, kGeometry39, kGeometry310, kGeometry311, kGeometry315HugePages}) {
    Heap heap(geometry, 0, kCounting);
    Random random(3);
    std::vector<void*> live;
    std::uint64_t requests = 0;  // of sizes that raw serves
    for (int i = 0; i < 60'000; ++i) {
      const std::size_t size = random.below(540);
      const bool grows = random.chance(i % 20'000 < 12'000 ? 3 : 1, 4);
      if (grows || live.empty()) {
        live.push_back(heap.malloc(size));
        if (size == 0 || size > 512) ++requests;
      } else {
        std::swap(live[random.below(live.size())], live.back());
        heap.free(live.back());
        live.pop_back();
      }
    }
    const HeapCosts costs = heap->costs().value();
    const HeapStatistics statistics = heap->statistics();
    std::size_t pools = 0;
    for (const SizeClassStatistics& row : statistics.classes) pools += row.pools;
    EXPECT_EQ(costs.pool_inits + costs.pool_reuses - costs.pools_emptied, pools);
    EXPECT_EQ(costs.arena_maps, statistics.arenas_total);
    EXPECT_EQ(costs.arena_maps - costs.arena_unmaps, statistics.arenas_current);
    EXPECT_EQ(costs.arena_maps, heap.arenas.requested());
    EXPECT_EQ(costs.arena_unmaps, heap.arenas.released());
    EXPECT_EQ(costs.raw_requests, requests);
    EXPECT_GE(costs.pools_filled, costs.pools_reopened);
    EXPECT_GT(costs.pool_reuses, 0u);
    for (void* block : live) heap.free(block);
    const HeapCosts end = heap->costs().value();
    EXPECT_EQ(end.pools_filled, end.pools_reopened);
    EXPECT_EQ(end.pool_inits + end.pool_reuses, end.pools_emptied);
  }
}

TEST(HeapCosts, AreNotCountedUnlessAskedFor) {
  Heap heap(kGeometry311);
  static_cast<void>(heap.malloc(16));
  EXPECT_FALSE(heap->costs());
}

}  // namespace
}  // namespace pymemlab
