#include "core/record/assembler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/trace/trace_reader.h"

namespace pymemlab {
namespace {

using ring::Kind;
using ring::Record;
using testing::ElementsAre;

// The ring's records as an agent would make them.
struct Caller {
  std::uint64_t thread = 0;
  std::uint64_t interpreter = 0;
  std::uint64_t depth = 0;

  [[nodiscard]] Record call(Kind kind, Domain domain, std::uint64_t size,
                            std::uint64_t address) const {
    return {static_cast<std::uint64_t>(kind) |
                static_cast<std::uint64_t>(domain) << ring::kDomainShift |
                depth * ring::kDepthUnit | interpreter << ring::kInterpreterShift |
                size << ring::kSizeShift,
            address | thread << ring::kThreadShift};
  }
};

Record wide(std::uint64_t value) { return {static_cast<std::uint64_t>(Kind::wide), value}; }

// "malloc obj 32 → 0", with a + for nested, a ! for failed.
std::string sentence(const Operation& operation) {
  std::string text(name(operation.kind));
  if (is_request(operation.kind)) text += fmt::format(" {}", name(operation.domain));
  if (operation.nested) text += "+";
  if (operation.failed) text += "!";
  if (operation.count != 1) text += fmt::format(" {}*", operation.count);
  if (operation.size != 0) text += fmt::format(" {}", operation.size);
  return operation.slot == kNoSlot ? text : fmt::format("{} @{}", text, operation.slot);
}

class AssemblerTest : public testing::Test {
 protected:
  AssemblerTest() : path_(testing::TempDir() + "assembler_test.pmtrace") {}
  ~AssemblerTest() override { std::filesystem::remove(path_); }

  std::vector<std::string> sentences(const std::vector<Record>& records) {
    TraceOutput writer(path_, {}, {.addresses = true}, 0);
    Assembler assembler(writer);
    assembler.take(records);
    writer.finish();
    missed_frees_ = assembler.missed_frees();
    alignment_ = assembler.alignment();
    TraceReader reader = TraceReader::open(path_, {.addresses = true});
    std::vector<std::string> all;
    EventBatch batch;
    while (reader.next(batch)) {
      OperationCursor cursor(batch);
      for (Operation operation; cursor.next(operation);) all.push_back(sentence(operation));
    }
    return all;
  }

  std::string path_;
  std::uint64_t missed_frees_ = 0;
  std::uint64_t alignment_ = 0;
  Caller main_;
  Caller inside_{.depth = 1};
  Caller other_{.thread = 3};
};

TEST_F(AssemblerTest, GivesAFreeTheSlotOfItsBlock) {
  EXPECT_THAT(sentences({main_.call(Kind::malloc, Domain::obj, 32, 0x1000),
                         main_.call(Kind::calloc, Domain::mem, 40, 0x2000),
                         main_.call(Kind::free, Domain::obj, 0, 0x1000),
                         main_.call(Kind::malloc, Domain::obj, 48, 0x1000),
                         main_.call(Kind::free, Domain::mem, 0, 0x2000),
                         main_.call(Kind::free, Domain::raw, 0, 0)}),
              ElementsAre("malloc obj 32 @0", "calloc mem 40 @1", "free obj @0", "malloc obj 48 @0",
                          "free mem @1", "free raw"));
  EXPECT_EQ(missed_frees_, 0u);
}

TEST_F(AssemblerTest, KeepsARequestApartFromTheNestedOneThatServesIt) {
  EXPECT_THAT(
      sentences({inside_.call(Kind::malloc, Domain::raw, 600, 0x1000),
                 main_.call(Kind::malloc, Domain::obj, 600, 0x1000),
                 main_.call(Kind::free, Domain::obj, 0, 0x1000),
                 inside_.call(Kind::free, Domain::raw, 0, 0x1000)}),
      ElementsAre("malloc raw+ 600 @0", "malloc obj 600 @1", "free obj @1", "free raw+ @0"));
}

TEST_F(AssemblerTest, LooksInTheOtherLayerForABlockThatIsFreedDeeper) {
  EXPECT_THAT(sentences({main_.call(Kind::malloc, Domain::raw, 24, 0x1000),
                         inside_.call(Kind::free, Domain::raw, 0, 0x1000)}),
              ElementsAre("malloc raw 24 @0", "free raw+ @0"));
}

TEST_F(AssemblerTest, MakesOneReallocOfItsBeginAndItsEnd) {
  EXPECT_THAT(
      sentences({main_.call(Kind::malloc, Domain::mem, 8, 0x1000),
                 main_.call(Kind::realloc_begin, Domain::mem, 700, 0x1000),
                 inside_.call(Kind::malloc, Domain::raw, 700, 0x2000),
                 main_.call(Kind::realloc_end, Domain::mem, 0, 0x2000),
                 main_.call(Kind::free, Domain::mem, 0, 0x2000)}),
      ElementsAre("malloc mem 8 @0", "malloc raw+ 700 @1", "realloc mem 700 @0", "free mem @0"));
}

TEST_F(AssemblerTest, LeavesTheBlockOfAFailedReallocAsItWas) {
  EXPECT_THAT(sentences({main_.call(Kind::malloc, Domain::raw, 8, 0x1000),
                         main_.call(Kind::realloc_begin, Domain::raw, 9, 0x1000),
                         main_.call(Kind::realloc_end, Domain::raw, 0, 0),
                         main_.call(Kind::free, Domain::raw, 0, 0x1000)}),
              ElementsAre("malloc raw 8 @0", "realloc raw! 9 @0", "free raw @0"));
}

// While the realloc is under way another thread may already be handed the old address.
TEST_F(AssemblerTest, TellsWhereAReallocBeganWhenAnotherThreadComesBetween) {
  EXPECT_THAT(sentences({main_.call(Kind::malloc, Domain::raw, 8, 0x1000),
                         main_.call(Kind::realloc_begin, Domain::raw, 900, 0x1000),
                         other_.call(Kind::malloc, Domain::raw, 8, 0x1000),
                         main_.call(Kind::realloc_end, Domain::raw, 0, 0x2000),
                         other_.call(Kind::free, Domain::raw, 0, 0x1000),
                         main_.call(Kind::free, Domain::raw, 0, 0x2000)}),
              ElementsAre("malloc raw 8 @0", "realloc_begin raw @0", "thread @1", "malloc raw 8 @1",
                          "thread @0", "realloc raw 900 @0", "thread @1", "free raw @1",
                          "thread @0", "free raw @0"));
  EXPECT_EQ(missed_frees_, 0u);
}

TEST_F(AssemblerTest, OrdersTheBeginsOfTwoReallocsThatCross) {
  const std::vector<Record> records = {main_.call(Kind::malloc, Domain::raw, 8, 0x1000),
                                       main_.call(Kind::malloc, Domain::raw, 8, 0x1100),
                                       main_.call(Kind::realloc_begin, Domain::raw, 9, 0x1000),
                                       other_.call(Kind::realloc_begin, Domain::raw, 9, 0x1100),
                                       main_.call(Kind::realloc_end, Domain::raw, 0, 0x1100),
                                       other_.call(Kind::realloc_end, Domain::raw, 0, 0x1000)};
  EXPECT_THAT(sentences(records),
              ElementsAre("malloc raw 8 @0", "malloc raw 8 @1", "realloc_begin raw @0", "thread @1",
                          "realloc_begin raw @1", "thread @0", "realloc raw 9 @0", "thread @1",
                          "realloc raw 9 @1"));
}

TEST_F(AssemblerTest, NamesBlocksItHasNotSeenByTheirAddress) {
  EXPECT_THAT(sentences({main_.call(Kind::free, Domain::raw, 0, 0x1000),
                         main_.call(Kind::realloc_begin, Domain::raw, 9, 0x3000),
                         main_.call(Kind::realloc_end, Domain::raw, 0, 0x4000),
                         main_.call(Kind::free, Domain::raw, 0, 0x4000)}),
              ElementsAre("free_unknown raw", "realloc_unknown raw 9 @0", "free raw @0"));
}

TEST_F(AssemblerTest, ReadsSizesThatFollowInRecordsOfTheirOwn) {
  EXPECT_THAT(
      sentences({main_.call(Kind::malloc, Domain::raw, ring::kWideSize, 0),
                 wide(std::uint64_t{1} << 61),
                 main_.call(Kind::calloc, Domain::raw, ring::kWideSize, 0x1000), wide(7), wide(9)}),
      ElementsAre("malloc raw! 2305843009213693952", "calloc raw 7* 9 @0"));
}

// A writer that was killed had not committed the head of this one.
TEST_F(AssemblerTest, PassesOverSizesWithoutTheirEvent) {
  EXPECT_THAT(sentences({wide(7), main_.call(Kind::malloc, Domain::raw, 8, 0x1000)}),
              ElementsAre("malloc raw 8 @0"));
}

TEST_F(AssemblerTest, NumbersArenasByRequest) {
  EXPECT_THAT(sentences({inside_.call(Kind::arena_alloc, Domain::raw, 1 << 20, 0x100000),
                         inside_.call(Kind::arena_alloc, Domain::raw, 1 << 20, 0x200000),
                         inside_.call(Kind::arena_free, Domain::raw, 1 << 20, 0x100000)}),
              ElementsAre("arena_alloc 1048576 @0", "arena_alloc 1048576 @1", "arena_free @0"));
}

TEST_F(AssemblerTest, NumbersInterpretersInTheOrderOfTheirAppearance) {
  const Caller late{.interpreter = 17};
  EXPECT_THAT(sentences({main_.call(Kind::malloc, Domain::obj, 8, 0x1000),
                         late.call(Kind::malloc, Domain::obj, 8, 0x2000),
                         main_.call(Kind::free, Domain::obj, 0, 0x1000)}),
              ElementsAre("malloc obj 8 @0", "interpreter @1", "malloc obj 8 @1", "interpreter @0",
                          "free obj @0"));
}

TEST_F(AssemblerTest, SeesTheAlignmentInTheBlocksAfterTheFirstArena) {
  std::vector<Record> records = {inside_.call(Kind::arena_alloc, Domain::raw, 1 << 18, 0x100000)};
  for (std::uint64_t i = 0; i < 999; ++i)
    records.push_back(main_.call(Kind::malloc, Domain::obj, 16, 0x100030 + 16 * i));
  static_cast<void>(sentences(records));
  EXPECT_EQ(alignment_, 0u) << "too few to tell";
  records.push_back(main_.call(Kind::malloc, Domain::obj, 16, 0x110000));
  static_cast<void>(sentences(records));
  EXPECT_EQ(alignment_, 16u);
  records.push_back(main_.call(Kind::malloc, Domain::obj, 8, 0x120008));
  static_cast<void>(sentences(records));
  EXPECT_EQ(alignment_, 8u);
}

}  // namespace
}  // namespace pymemlab
