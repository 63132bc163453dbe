// From figures to sentences: which setting, in words that hold the figures.
#include "core/analyze/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/units.h"
#include "tests/golden.h"

namespace pymemlab {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

SettingFigures cell(const char* configuration, double ns, std::uint64_t resident_mib) {
  return {.configuration = configuration,
          .ns_per_request = ns,
          .peak_resident_bytes = resident_mib * kMiB,
          .peak = {.live_bytes = 80 * kMiB,
                   .rounding_bytes = 4 * kMiB,
                   .metadata_bytes = kMiB / 4,
                   .free_block_bytes = 10 * kMiB,
                   .free_pool_bytes = 5 * kMiB,
                   .structural_bytes = kMiB / 2,
                   .mapped_bytes = resident_mib * kMiB,
                   .packed_bytes = 86 * kMiB}};
}

AdviceInput typical() {
  AdviceInput input{
      .program = "python3 app.py",
      .python = "3.11.2",
      .profile = "3.11",
      .requests = 30'000'000,
      .rounds = 7,
      .standard = cell("pymalloc", 12.5, 100),
      .malloc = {.figures = cell("malloc", 25, 112), .time = TimeRatio{2, 1.9, 2.1, 0.984}},
      .debug = ComparedSetting{.figures = cell("debug", 40, 150),
                               .time = TimeRatio{3.2, 3.1, 3.3, 0.984}},
      .others = {{.allocator = "jemalloc 5.3.0",
                  .environment = {"LD_PRELOAD=libjemalloc.so.2"},
                  .cell = {.figures = cell("pymalloc", 12, 103),
                           .time = TimeRatio{0.96, 0.95, 1.02, 0.984}}},
                 {.allocator = "mimalloc 2.0.9",
                  .environment = {"LD_PRELOAD=libmimalloc.so.2", "PYTHONMALLOC=malloc"},
                  .cell = {.figures = {.configuration = "malloc",
                                       .void_reason = "1 request was refused here"}}}},
      .top_sites = {{"app.py:12 in parse", 40 * kMiB, 400'000},
                    {"app.py:20 in load < app.py:90 in main", 8 * kMiB, 1}},
      .sites_peak_bytes = 80 * kMiB};
  input.pinning = ArenaPinning{.event = 41'000'000,
                               .moment = "where most of the arenas is not live, after the peak",
                               .arena_bytes = kMiB,
                               .arenas = 101,
                               .mapped_bytes = 101 * kMiB,
                               .live_blocks = 16'520,
                               .live_bytes = kMiB,
                               .sparse = {{{1, 100, 200}, {5, 100, 200}, {25, 100, 200}}},
                               .knows_sites = true,
                               .groups_found = 2};
  input.pinning->groups = {{.block_bytes = 512,
                            .site = "app.py:12 in remember",
                            .blocks = 200,
                            .requested_bytes = 100'000,
                            .first_event = 16'320,
                            .last_event = 213'729,
                            .first_epoch = 1,
                            .last_epoch = 10,
                            .arenas = 100,
                            .arenas_alone = 100,
                            .returned_bytes = 99 * kMiB},
                           {.block_bytes = 64,
                            .site = "app.py:3 in start_up",
                            .blocks = 1,
                            .requested_bytes = 60,
                            .first_event = 7,
                            .last_event = 7,
                            .arenas = 1,
                            .arenas_alone = 1,
                            .returned_bytes = kMiB}};
  return input;
}

// All that is said of the topic.
std::string said(const Advice& advice, Topic topic) {
  std::string text;
  for (const Sentence& sentence : advice.sentences)
    if (sentence.topic == topic) text += sentence.text + "\n";
  return text;
}

TEST(Advice, ReadsAsThisText) {
  const AdviceInput input = typical();
  expect_golden("tests/analyze/goldens/advice.txt", advice_text(input, judge(input)));
}

TEST(Advice, ForToolsIsThisJson) {
  const AdviceInput input = typical();
  expect_golden("tests/analyze/goldens/advice.json",
                advice_json(input, judge(input)).dump(1) + "\n");
}

struct Case {
  const char* name;
  std::uint64_t malloc_mib;
  TimeRatio time;
  Choice choice;
};
class Choosing : public ::testing::TestWithParam<Case> {};

TEST_P(Choosing, FollowsTheTable) {
  AdviceInput input = typical();
  input.malloc.figures.peak_resident_bytes = GetParam().malloc_mib * kMiB;
  input.malloc.time = GetParam().time;
  const Advice advice = judge(input);
  EXPECT_EQ(name(advice.choice), name(GetParam().choice));
  const bool sets = GetParam().choice == Choice::set_malloc ||
                    GetParam().choice == Choice::malloc_for_memory ||
                    GetParam().choice == Choice::malloc_for_time;
  if (sets) {
    EXPECT_THAT(advice.environment, Contains("PYTHONMALLOC=malloc"));
  } else {
    EXPECT_THAT(advice.environment, IsEmpty());
  }
}

constexpr TimeRatio kFaster = {.median = 0.8, .low = 0.7, .high = 0.9, .coverage = 0.98};
constexpr TimeRatio kEqual = {.median = 1.1, .low = 0.9, .high = 1.3, .coverage = 0.98};
constexpr TimeRatio kSlower = {.median = 1.8, .low = 1.7, .high = 1.9, .coverage = 0.98};
// Detectable, and of no importance.
constexpr TimeRatio kHardlySlower = {.median = 1.01, .low = 1.005, .high = 1.015, .coverage = 0.98};
constexpr Case kCases[] = {
    {"LessAndFaster", 90, kFaster, Choice::set_malloc},
    {"LessAndEqual", 90, kEqual, Choice::set_malloc},
    {"LessAndHardlySlower", 90, kHardlySlower, Choice::set_malloc},
    {"LessAndSlower", 90, kSlower, Choice::malloc_for_memory},
    {"SameAndFaster", 101, kFaster, Choice::set_malloc},
    {"SameAndEqual", 100, kEqual, Choice::no_difference},
    {"SameAndHardlySlower", 99, kHardlySlower, Choice::no_difference},
    {"SameAndSlower", 100, kSlower, Choice::keep_default},
    {"MoreAndFaster", 110, kFaster, Choice::malloc_for_time},
    {"MoreAndEqual", 110, kEqual, Choice::keep_default},
    {"MoreAndSlower", 110, kSlower, Choice::keep_default},
};
INSTANTIATE_TEST_SUITE_P(All, Choosing, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

struct OtherCase {
  const char* name;
  std::uint64_t mib;
  TimeRatio time;
  bool recommended;
};
class ChoosingOthers : public ::testing::TestWithParam<OtherCase> {};

TEST_P(ChoosingOthers, WantsAGainThatIsWorthADependencyAndCostsNothing) {
  AdviceInput input = typical();
  input.others[0].cell.figures.peak_resident_bytes = GetParam().mib * kMiB;
  input.others[0].cell.time = GetParam().time;
  const Advice advice = judge(input);
  EXPECT_EQ(advice.choice == Choice::set_other, GetParam().recommended);
  if (GetParam().recommended) {
    EXPECT_EQ(advice.environment, input.others[0].environment);
    EXPECT_EQ(said(advice, Topic::set),
              "Preload jemalloc 5.3.0: set LD_PRELOAD=libjemalloc.so.2.\n");
  }
}
constexpr OtherCase kOtherCases[] = {
    {"MuchLess", 90, {.median = 1.1, .low = 0.9, .high = 1.3, .coverage = 0.98}, true},
    {"LittleLess", 96, {.median = 1.1, .low = 0.9, .high = 1.3, .coverage = 0.98}, false},
    {"MuchLessButSlower", 90, {.median = 1.1, .low = 1.05, .high = 1.2, .coverage = 0.98}, false},
    {"MuchFaster", 100, {.median = 0.8, .low = 0.7, .high = 0.9, .coverage = 0.98}, true},
    {"LittleFaster", 100, {.median = 0.95, .low = 0.93, .high = 0.97, .coverage = 0.98}, false},
    {"PerhapsMuchFaster", 100, {.median = 0.8, .low = 0.7, .high = 0.95, .coverage = 0.98}, false},
    {"MuchFasterButMore", 105, {.median = 0.8, .low = 0.7, .high = 0.9, .coverage = 0.98}, false},
};
INSTANTIATE_TEST_SUITE_P(All, ChoosingOthers, ::testing::ValuesIn(kOtherCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Advice, PrefersMallocToAnotherAllocatorThatSavesHardlyMore) {
  AdviceInput input = typical();
  input.malloc = {.figures = cell("malloc", 12, 80), .time = kEqual};
  input.others[0].cell = {.figures = cell("pymalloc", 12, 78), .time = kEqual};
  EXPECT_EQ(judge(input).choice, Choice::set_malloc);
  input.others[0].cell.figures.peak_resident_bytes = 71 * kMiB;
  EXPECT_EQ(judge(input).choice, Choice::set_other);
}

TEST(Advice, SaysThatNoDifferenceInTimeIsDetectableWhenTheIntervalHoldsOne) {
  AdviceInput input = typical();
  input.malloc.time = kEqual;
  EXPECT_EQ(said(judge(input), Topic::time),
            "In time no difference between PYTHONMALLOC=malloc and the default is detectable: its "
            "requests take 0.90 to 1.30 times the default's, which is 98 % sure.\n");
}

TEST(Advice, SaysThatTooFewRoundsTellNothing) {
  AdviceInput input = typical();
  input.rounds = 1;
  input.malloc.time.reset();
  EXPECT_EQ(said(judge(input), Topic::time),
            "What PYTHONMALLOC=malloc does to the time is not known after 1 round.\n");
}

TEST(Advice, TellsAProgramThatRanWithAnotherSettingToTakeItAway) {
  AdviceInput input = typical();
  input.recorded_setting = "malloc";
  EXPECT_THAT(said(judge(input), Topic::set),
              HasSubstr("This run had PYTHONMALLOC=malloc: take it away."));
  input.recorded_setting = "pymalloc";
  EXPECT_THAT(said(judge(input), Topic::set), Not(HasSubstr("take it away")));
}

TEST(Advice, RecommendsNothingWhereAConfigurationCouldNotReplayTheTrace) {
  AdviceInput input = typical();
  input.malloc.figures.void_reason = "3 requests were refused here";
  const Advice advice = judge(input);
  EXPECT_EQ(advice.choice, Choice::undecided);
  EXPECT_THAT(advice.environment, IsEmpty());
  EXPECT_EQ(said(advice, Topic::caution), "malloc: 3 requests were refused here.\n");
}

TEST(Advice, WithoutAnArenaHeldAloneNamesThoseWithTheLargestPart) {
  AdviceInput input = typical();
  for (PinningGroup& group : input.pinning->groups) group.arenas_alone = group.returned_bytes = 0;
  EXPECT_THAT(said(judge(input), Topic::pinned),
              HasSubstr("No one line's blocks of one class hold an arena alone"));
}

TEST(Advice, ForwardsWhatMakesATraceApproximate) {
  AdviceInput input = typical();
  input.warnings = {"the trace starts late"};
  EXPECT_EQ(said(judge(input), Topic::caution), "the trace starts late.\n");
}

}  // namespace
}  // namespace pymemlab
