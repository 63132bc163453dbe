#include "core/base/counts.h"

#include <gtest/gtest.h>

namespace pymemlab {
namespace {

TEST(Counts, GroupDigitsByThrees) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(123456), "123,456");
  EXPECT_EQ(grouped(~std::uint64_t{0}), "18,446,744,073,709,551,615");
}

TEST(Counts, TakeThePluralButForOne) {
  EXPECT_EQ(counted(0, "block"), "0 blocks");
  EXPECT_EQ(counted(1, "block"), "1 block");
  EXPECT_EQ(counted(1234, "block"), "1234 blocks");
  EXPECT_EQ(counted_in_groups(1, "block"), "1 block");
  EXPECT_EQ(counted_in_groups(1234, "block"), "1,234 blocks");
}

}  // namespace
}  // namespace pymemlab
