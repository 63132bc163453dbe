#include "core/trace/slot_lookup.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/base/random.h"
#include "core/trace/slot_table.h"

namespace pymemlab {
namespace {

// A reader's ring and lookup beside a writer's table, which knows which slots are live.
class Both {
 public:
  void allocate() {
    ring.make_room(table.allocations(), 1);
    table.make_room(1);
    const std::uint64_t number = table.allocations();
    const Slot slot = table.allocate();
    ring[number] = slot;
    if (slot >= births.size()) births.resize(slot + 1);
    births[slot] = number;
  }
  void free(Slot slot) {
    if (!table.release(slot)) return;
    const bool old = is_old(slot);
    show();
    if (old) {
      lookup.release(slot);
    } else {
      ring[births[slot]] |= AllocationRing::kFreed;
    }
  }
  void show() { lookup.keep_old(ring, table.allocations()); }
  [[nodiscard]] bool is_old(Slot slot) const {
    return table.allocations() - births[slot] > kMaxAge;
  }

  SlotTable table;
  AllocationRing ring;
  SlotLookup lookup;
  std::vector<std::uint64_t> births;  // by slot, of its newest block
};

// `used_before`: slots used before allocations that an age still reaches.
void compare(Both& both, Slot slot, Slot used_before) {
  const SlotTable& table = both.table;
  const bool used = slot < table.used();
  ASSERT_EQ(both.lookup.is_dead(slot, used_before, both.ring, table.allocations()),
            used && !table.alive(slot))
      << slot << " after " << table.allocations();
  ASSERT_EQ(both.lookup.is_old_block(slot), used && table.alive(slot) && both.is_old(slot))
      << slot << " after " << table.allocations();
}

TEST(SlotLookup, KnowsOldBlocksAndDeadSlotsAsAWriterDoes) {
  Random random(17);
  Both both;
  for (int round = 0; round < 4; ++round) {
    const Slot used_before = both.table.used();
    for (std::uint32_t step = 0; step < kMaxAge; ++step) {
      both.allocate();
      if (random.below(1000) != 0) both.free(static_cast<Slot>(random.below(both.table.used())));
      if (step % 4096 == 0) both.show();
    }
    both.show();
    for (Slot slot = 0; slot < both.table.used() + 2; ++slot) compare(both, slot, used_before);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(SlotLookup, KnowsABlockAsOldFromTheAllocationOnThatNoAgeReachesItAt) {
  Both both;
  both.allocate();
  for (std::uint32_t i = 1; i < kMaxAge; ++i) {
    both.allocate();
    both.free(1);
  }
  both.show();
  EXPECT_FALSE(both.lookup.is_old_block(0)) << "of age " << kMaxAge;
  both.allocate();
  both.show();
  EXPECT_TRUE(both.lookup.is_old_block(0));
  EXPECT_FALSE(both.lookup.is_dead(0, 2, both.ring, both.table.allocations()));
  both.free(0);
  EXPECT_FALSE(both.lookup.is_old_block(0));
  EXPECT_TRUE(both.lookup.is_dead(0, 2, both.ring, both.table.allocations()));
  EXPECT_FALSE(both.lookup.is_dead(2, 2, both.ring, both.table.allocations())) << "never used";
}

}  // namespace
}  // namespace pymemlab
