#include "core/os/huge_page_allocator.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <new>
#include <vector>

namespace pymemlab {
namespace {

using Numbers = std::vector<std::uint32_t, HugePageAllocator<std::uint32_t>>;

constexpr std::size_t kInPage = kHugePageBytes / sizeof(std::uint32_t);

bool starts_a_huge_page(const void* memory) {
  return reinterpret_cast<std::uintptr_t>(memory) % kHugePageBytes == 0;
}

TEST(HugePageAllocator, KeepsWhatAVectorHoldsWhileItGrows) {
  Numbers numbers;
  for (std::uint32_t i = 0; i < 3 * kInPage; ++i) numbers.push_back(i);
  EXPECT_TRUE(starts_a_huge_page(numbers.data()));
  for (std::uint32_t i = 0; i < 3 * kInPage; ++i) ASSERT_EQ(numbers[i], i);
  const Numbers copy = numbers;
  numbers = {1, 2};
  numbers.shrink_to_fit();
  EXPECT_EQ(numbers, (Numbers{1, 2}));
  EXPECT_EQ(copy.back(), 3 * kInPage - 1);
}

TEST(HugePageAllocator, AsksForHugePagesFromTheSizeOfOneOn) {
  HugePageAllocator<std::uint32_t> allocator;
  for (const std::size_t elements : {kInPage, kInPage + 1, 5 * kInPage - 1}) {
    std::uint32_t* memory = allocator.allocate(elements);
    EXPECT_TRUE(starts_a_huge_page(memory)) << elements;
    memory[0] = memory[elements - 1] = 7;
    allocator.deallocate(memory, elements);
  }
  std::uint32_t* small = allocator.allocate(kInPage - 1);
  small[kInPage - 2] = 7;
  allocator.deallocate(small, kInPage - 1);
}

TEST(HugePageAllocator, RoomIsInWholeHugePagesUnlessMostlyEmpty) {
  using Allocator = HugePageAllocator<std::uint32_t>;
  EXPECT_EQ(Allocator::room_for(1), 1u);
  EXPECT_EQ(Allocator::room_for(kInPage / 8 - 1), kInPage / 8 - 1);
  EXPECT_EQ(Allocator::room_for(kInPage / 8), kInPage);
  EXPECT_EQ(Allocator::room_for(kInPage), kInPage);
  EXPECT_EQ(Allocator::room_for(kInPage + 1), 2 * kInPage);
}

TEST(HugePageAllocator, RefusesWhatTheMachineDoesNotHave) {
  HugePageAllocator<std::uint32_t> allocator;
  EXPECT_THROW((void)allocator.allocate(std::size_t{1} << 50), std::bad_alloc);
  EXPECT_THROW((void)allocator.allocate(~std::size_t{0}), std::bad_array_new_length);
}

}  // namespace
}  // namespace pymemlab
