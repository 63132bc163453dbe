// Which blocks pin arenas: named exactly on constructed traces.
#include "core/analyze/arena_pinning.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/analyze/pinned_arenas.h"

namespace pymemlab {
namespace {

using testing::PinnedArenas;

Cell cell_of(const char* profile, const char* configuration = "pymalloc") {
  return {.configuration = configuration,
          .profile = profile,
          .geometry = profile_named(profile).geometry,
          .residue = {}};
}

ArenaPinning pinning_of(const PinnedArenas& trace, const char* profile,
                        const ArenaPinningOptions& options = {}) {
  const auto found = find_arena_pinning(survey_trace(trace.path), cell_of(profile), options);
  EXPECT_TRUE(found.has_value());
  return found.value_or(ArenaPinning{});
}

class ArenaPinningIn : public ::testing::TestWithParam<const char*> {};

TEST_P(ArenaPinningIn, NamesTheTwoHundredBlocksThatPinAHundredArenasFirstAndWhatTheyHold) {
  const Geometry& geometry = profile_named(GetParam()).geometry;
  const PinnedArenas trace(geometry);
  const ArenaPinning pinning = pinning_of(trace, GetParam());
  ASSERT_EQ(pinning.groups.size(), 2u);
  const PinningGroup& named = pinning.groups[0];
  EXPECT_EQ(named.block_bytes, geometry.block_bytes(geometry.size_class(500)));
  EXPECT_EQ(named.site, "app.py:12 in remember");
  EXPECT_EQ(named.blocks, 200u);
  EXPECT_EQ(named.requested_bytes, 200u * 500);
  EXPECT_EQ(named.arenas, 100u);
  EXPECT_EQ(named.arenas_alone, 100u);
  EXPECT_EQ(named.first_event, trace.first_named);
  EXPECT_EQ(named.last_event, trace.last_named);
  EXPECT_EQ(named.first_epoch, 1u);
  EXPECT_EQ(named.last_epoch, 10u);
  const std::uint64_t kept = geometry.empty_arena == EmptyArena::keep_last ? 1 : 0;
  EXPECT_EQ(named.returned_bytes, (100 - kept) * geometry.arena_bytes);

  EXPECT_EQ(pinning.event, trace.last_event);
  EXPECT_EQ(pinning.arenas, 101u);
  EXPECT_EQ(pinning.mapped_bytes, 101 * geometry.arena_bytes);
  EXPECT_EQ(pinning.live_blocks, 200u + trace.start_up_blocks);
  EXPECT_EQ(pinning.sparse[0].arenas, 100u);
  EXPECT_EQ(pinning.sparse[0].blocks, 200u);
}

TEST_P(ArenaPinningIn, WithNothingPinnedReturnsNothingMore) {
  const Geometry& geometry = profile_named(GetParam()).geometry;
  const PinnedArenas trace(geometry);
  const ArenaPinning pinning = pinning_of(trace, GetParam());
  ASSERT_EQ(pinning.groups.size(), 2u);
  const PinningGroup& start_up = pinning.groups[1];
  EXPECT_EQ(start_up.block_bytes, 64u);
  EXPECT_EQ(start_up.site, "app.py:3 in start_up");
  EXPECT_EQ(start_up.blocks, trace.start_up_blocks);
  EXPECT_EQ(start_up.arenas_alone, 1u);
  EXPECT_EQ(start_up.last_epoch, 1u);
  // With the first group gone an empty arena is kept already, where one is.
  EXPECT_EQ(start_up.returned_bytes, geometry.arena_bytes);
}

INSTANTIATE_TEST_SUITE_P(Profiles, ArenaPinningIn,
                         ::testing::Values("3.6", "3.8", "3.9", "3.11", "3.15-hugepages"),
                         [](const auto& info) {
                           std::string name = "Profile_" + std::string(info.param);
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == '.' || c == '-'; }, '_');
                           return name;
                         });

TEST(ArenaPinning, CanBeAskedForAtAnEvent) {
  const PinnedArenas trace(kGeometry311);
  const ArenaPinning pinning = pinning_of(trace, "3.11", {.event = trace.last_named});
  EXPECT_EQ(pinning.event, trace.last_named);
  EXPECT_EQ(pinning.groups_found, 3u);
  EXPECT_EQ(pinning.sparse[2].arenas, 0u);
}

TEST(ArenaPinning, LeavesTheTeardownOfAProgramAside) {
  const PinnedArenas trace(kGeometry311, {.tears_down = true});
  EXPECT_EQ(pinning_of(trace, "3.11").event, trace.last_event);
}

TEST(ArenaPinning, OfARecordingIsTakenBeforeItsInterpreterEnds) {
  const PinnedArenas trace(kGeometry311, {.is_recording = true});
  // The last request by a line of Python comes before the drain.
  EXPECT_LE(pinning_of(trace, "3.11").event, trace.last_requested);
}

TEST(ArenaPinning, WithoutSitesNamesClassAndEpochs) {
  const PinnedArenas trace(kGeometry311, {.sites = false});
  const ArenaPinning pinning = pinning_of(trace, "3.11");
  ASSERT_FALSE(pinning.groups.empty());
  EXPECT_FALSE(pinning.knows_sites);
  EXPECT_EQ(pinning.groups[0].site, "");
  EXPECT_EQ(pinning.groups[0].blocks, 200u);
  EXPECT_EQ(pinning.groups[0].returned_bytes, 99u << 20);
}

TEST(ArenaPinning, ListsNoMoreGroupsThanAsked) {
  const PinnedArenas trace(kGeometry311);
  const ArenaPinning pinning = pinning_of(trace, "3.11", {.limit = 1});
  EXPECT_EQ(pinning.groups.size(), 1u);
  EXPECT_EQ(pinning.groups_found, 2u);
}

TEST(ArenaPinning, IsNothingWherePymallocDoesNotServe) {
  const PinnedArenas trace(kGeometry311);
  EXPECT_FALSE(find_arena_pinning(survey_trace(trace.path), cell_of("3.11", "malloc")).has_value());
}

TEST(ArenaPinning, UnderDebugHooksCountsTheClassTheyMakeOfABlock) {
  const PinnedArenas trace(kGeometry311);
  // 500 bytes and 24 of the hooks leave the pools; 60 and 24 stay in the class of 96.
  const auto pinning =
      find_arena_pinning(survey_trace(trace.path), cell_of("3.11", "pymalloc_debug"));
  ASSERT_TRUE(pinning.has_value());
  ASSERT_EQ(pinning->groups.size(), 1u);
  EXPECT_EQ(pinning->groups[0].block_bytes, 96u);
}

}  // namespace
}  // namespace pymemlab
