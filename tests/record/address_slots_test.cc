#include "core/record/address_slots.h"

#include <gtest/gtest.h>

#include <map>

#include "core/base/random.h"

namespace pymemlab {
namespace {

TEST(AddressSlots, ForgetsABlockWhenItIsTaken) {
  AddressSlots map;
  EXPECT_EQ(map.put(0x7f0000001000, 5), kNoSlot);
  EXPECT_EQ(map.take(0x7f0000001000), 5u);
  EXPECT_EQ(map.take(0x7f0000001000), kNoSlot);
}

TEST(AddressSlots, TellsWhoStoodThereBefore) {
  AddressSlots map;
  map.put(0x1000, 0);
  EXPECT_EQ(map.put(0x1000, 1), 0u);
  EXPECT_EQ(map.take(0x1000), 1u);
}

TEST(AddressSlots, KnowsNoBlockAtAnOddAddress) {
  AddressSlots map;
  map.put(0x1000, 3);
  EXPECT_EQ(map.take(0x1004), kNoSlot);
  EXPECT_EQ(map.take(0x1000), 3u);
}

TEST(AddressSlots, AgreesWithAnOrdinaryMapOverAddressesFarAndNear) {
  constexpr std::uint64_t kSeed = 11;
  Random random(kSeed);
  AddressSlots map;
  std::map<std::uint64_t, Slot> expected;
  for (Slot slot = 0; slot < 200000; ++slot) {
    // Some 600 regions all over the address space, so that the table grows and the recent ones
    // clash.
    const std::uint64_t address = random.below(600) * 0x5'0000'0000 + random.below(64) * 8;
    const auto found = expected.find(address);
    const Slot before = found == expected.end() ? kNoSlot : found->second;
    map.prefetch(address);
    if (random.chance(1, 2)) {
      ASSERT_EQ(map.put(address, slot), before) << "seed " << kSeed;
      expected[address] = slot;
    } else {
      ASSERT_EQ(map.take(address), before) << "seed " << kSeed;
      if (before != kNoSlot) expected.erase(found);
    }
  }
}

}  // namespace
}  // namespace pymemlab
